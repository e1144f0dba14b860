//! The app of the usual files, when nothing in the repository says where it is.

use camino::Utf8Path;

use super::candidate::{self, Candidate, Choice};
use super::files::{FILES, Usual};
use super::obscure;
use crate::repository::discovery::code::facts::{Function, Value};
use crate::repository::discovery::code::sight::{App, Sight, USUAL_NAMES};
use crate::repository::discovery::code::{known, modules};
use crate::repository::discovery::error::DiscoveryError;

/// The first so many of [`FILES`] are the app's own if they are there, so that they must be sound.
const OWN: usize = 5;

/// Functions that make an app, as Flask looks for them.
pub(crate) const FACTORIES: &[&str] = &["create_app", "make_app"];

/// What was made for this cartridge or the official one goes before everything that is only usual:
/// `wsgi/application`, and `application` in `app.py`.
pub(crate) fn of_cartridge(sight: &Sight<'_>) -> Result<Option<Choice>, DiscoveryError> {
    let name = USUAL_NAMES[0];
    for (file, root) in [("wsgi/application", "wsgi"), ("app.py", "")] {
        let (file, root) = (Utf8Path::new(file), Utf8Path::new(root));
        if !sight.reader.has(file) {
            continue;
        }
        let facts = sight.reader.facts(file);
        if let Some(failure) = facts.failure.as_ref().filter(|_| !root.as_str().is_empty()) {
            return Err(DiscoveryError::unread(sight.reader, file, failure));
        }
        let line = obscure::may_be_an_app(&facts, name);
        let unseen = || Some(App::new(obscure::KIND, (file.to_owned(), line?)));
        let app = sight.of(file, root, name).or_else(unseen);
        let Some(app) = app else { continue };
        let line = facts.last(name).map_or(1, |binding| binding.line);
        let mut entry_point = modules::entry_point(sight.reader, file, Utf8Path::new(""), name);
        if !root.as_str().is_empty() {
            entry_point = crate::variables::entry_point::EntryPoint::of_file(file, name);
        }
        let why = format!("`{name}` in {file} is looked for first");
        let candidate = Candidate { entry_point, file: file.to_owned(), line, app };
        return Ok(Some(Choice { candidate, why }));
    }
    Ok(None)
}

/// The app of the usual files.
pub(crate) fn choose(sight: &Sight<'_>, usual: &Usual) -> Result<Option<Choice>, DiscoveryError> {
    let choice = candidate::choose(sight, &usual.top).map_err(DiscoveryError::Several)?;
    let chosen = choice.as_ref().map(|choice| &choice.candidate.file);
    for (file, _) in &usual.top {
        let is_own = FILES.iter().position(|name| *name == file).is_some_and(|at| at < OWN);
        if chosen == Some(file) || !is_own {
            break;
        }
        if let Some(failure) = &sight.reader.facts(file).failure {
            return Err(DiscoveryError::unread(sight.reader, file, failure));
        }
    }
    if choice.is_some() {
        return Ok(choice);
    }
    for files in [&usual.inner, &usual.others] {
        let choice = candidate::choose(sight, files).map_err(DiscoveryError::Several)?;
        if choice.is_some() {
            return Ok(choice);
        }
    }
    Ok(obscure::choose(sight, usual).or(factory(sight, usual)?))
}

/// A function that makes the app, where nothing is one.
fn factory(sight: &Sight<'_>, usual: &Usual) -> Result<Option<Choice>, DiscoveryError> {
    for files in [&usual.top, &usual.inner, &usual.others] {
        let mut found: Vec<Candidate> = Vec::new();
        for (file, root) in files {
            for candidate in factories(sight, file, root) {
                if !found.iter().any(|other| other.app.origin == candidate.app.origin) {
                    found.push(candidate);
                }
            }
        }
        match found.len() {
            0 => {}
            1 => {
                let why = "no file binds an app to a name, so this function is called".to_owned();
                return Ok(found.pop().map(|candidate| Choice { candidate, why }));
            }
            _ => return Err(DiscoveryError::Several(found)),
        }
    }
    Ok(None)
}

/// Apps of a file, else its factories.
pub(crate) fn of_file(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Vec<Candidate> {
    let found = candidate::of_file(sight, file, root);
    if found.is_empty() { factories(sight, file, root) } else { found }
}

/// The factories of a file that can be called without arguments: by their usual names, else by
/// what they answer.
fn factories(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Vec<Candidate> {
    let facts = sight.reader.facts(file);
    let named = |name: &str| {
        let (function, origin_file, line) = sight.function(file, root, name)?;
        let made = sight.made_by(file, root, name);
        let is_usual = FACTORIES.contains(&name);
        let is_one = is_usual || made.as_ref().is_some_and(|app| app.framework.is_some());
        let not_served = |value: &Value| matches!(value, Value::Call { of, .. } if known::not_served(of).is_some());
        if !is_one || !needs_nothing(&function) || function.returns.iter().any(not_served) {
            return None;
        }
        let origin = (origin_file, line);
        let app = match made {
            Some(made) => App { origin, is_wrapped: false, ..made },
            None => App::new(obscure::KIND, origin),
        };
        let entry_point = modules::entry_point(sight.reader, file, root, name).called();
        Some(Candidate { entry_point, file: file.to_owned(), line, app })
    };
    for name in FACTORIES {
        if let Some(candidate) = facts.binds(name).then(|| named(name)).flatten() {
            return vec![candidate];
        }
    }
    let functions = facts.imported().filter(|b| matches!(b.value, Value::Function(_)));
    functions.filter_map(|binding| named(&binding.name)).collect()
}

/// Whether it can be called without arguments, and then answers at once.
pub(crate) fn needs_nothing(function: &Function) -> bool {
    !function.coroutine && function.required == 0 && function.named == 0
}
