//! An app that somebody has named: looked at, as far as it is in the repository.

use camino::Utf8Path;

use super::candidates::candidate::Candidate;
use super::candidates::usual::{self, needs_nothing};
use super::code::facts::{Facts, Unread};
use super::code::modules;
use super::code::sight::{App, Sight};
use super::error::DiscoveryError;
use super::{DecidedBy, Found, Saying};
use crate::variables::entry_point::EntryPoint;

/// As a variable names it.
pub(super) fn set(
    sight: &Sight<'_>,
    variable: &'static str,
    entry_point: &EntryPoint,
) -> Result<Found, DiscoveryError> {
    let saying = Saying::new(DecidedBy::Variable(variable), &entry_point.to_string());
    look(sight, &saying, entry_point.clone())
}

/// As a file of the repository names it.
pub(super) fn said(sight: &Sight<'_>, saying: &Saying) -> Result<Found, DiscoveryError> {
    let not_understood = || DiscoveryError::NotUnderstood {
        by: saying.by.clone(),
        named: saying.app.chars().take(200).collect(),
    };
    let mut entry_point = EntryPoint::parse(&saying.app).ok_or_else(not_understood)?;
    if !saying.folder.as_str().is_empty() {
        let is_module = EntryPoint::parse(&format!("{}/:app", saying.folder)).is_some();
        if !is_module {
            return Err(not_understood());
        }
        entry_point = entry_point.imported_from(&saying.folder);
    }
    if saying.is_factory {
        entry_point = entry_point.called();
    }
    look(sight, saying, entry_point)
}

/// The app of a program: `python app.py` serves it somehow.
pub(super) fn script(
    sight: &Sight<'_>,
    by: &DecidedBy,
    file: &Utf8Path,
    root: &Utf8Path,
) -> Result<Option<Found>, DiscoveryError> {
    if !sight.reader.has(file) {
        return Ok(None);
    }
    if let Some(failure) = &sight.reader.facts(file).failure {
        return Err(DiscoveryError::unread(sight.reader, file, failure));
    }
    let mut found = usual::of_file(sight, file, root);
    Ok(match found.len() {
        0 => None,
        1 => found.pop().map(|Candidate { entry_point, app, .. }| {
            Found::new(by.clone(), true, entry_point, Some(app), &format!("{by} runs {file}"))
        }),
        _ => return Err(DiscoveryError::Several(found)),
    })
}

fn look(
    sight: &Sight<'_>,
    saying: &Saying,
    entry_point: EntryPoint,
) -> Result<Found, DiscoveryError> {
    let reader = sight.reader;
    let found = |entry_point: EntryPoint, app: Option<App>| {
        let why = format!("{} says so", saying.by);
        let found = Found::new(saying.by.clone(), true, entry_point, app, &why);
        Found { interface: found.interface.or(saying.interface), ..found }
    };
    // An installed package brings it, or nobody; that is told when it is located.
    let Some(file) = entry_point.source(reader.repo()).filter(|file| reader.has(file)) else {
        return Ok(found(entry_point, None));
    };
    let facts = reader.facts(&file);
    if let Some(failure) = &facts.failure {
        // Limits of reading are no limits of running.
        return match failure.what {
            Unread::Parser => Ok(found(entry_point, None)),
            _ => Err(DiscoveryError::unread(reader, &file, failure)),
        };
    }
    let root = entry_point.folder();
    let name = entry_point.callable().to_owned();
    if entry_point.is_called() {
        let app = sight.made_by(&file, &root, &name);
        return may_have(&facts, &name)
            .then(|| found(entry_point, app))
            .ok_or_else(|| no_callable(sight, saying, &file, &root, &name));
    }
    if let Some(app) = sight.of(&file, &root, &name) {
        return Ok(found(entry_point, Some(app)));
    }
    // No server gives nothing to an app, so this one is there to be called.
    let factory = sight.function(&file, &root, &name).is_some_and(|(function, ..)| {
        needs_nothing(&function) && !function.any && function.decorators.is_empty()
    });
    if factory {
        let app = sight.made_by(&file, &root, &name);
        return Ok(found(entry_point.called(), app));
    }
    if may_have(&facts, &name) || is_inner_module(sight, &file, &name) {
        return Ok(found(entry_point, None));
    }
    let is_named = saying.app.contains(':');
    if !is_named && let [only] = &usual::of_file(sight, &file, &root)[..] {
        let callable = only.entry_point.callable();
        let other = entry_point.with_callable(callable);
        let other = if only.entry_point.is_called() { other.called() } else { other };
        return Ok(found(other, Some(only.app.clone())));
    }
    Err(no_callable(sight, saying, &file, &root, &name))
}

/// Whether a name may be there, though what it is cannot be seen.
fn may_have(facts: &Facts, name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    facts.binds(first) || facts.opaque || !facts.stars.is_empty()
}

/// A package has its modules as attributes, once somebody imports them.
fn is_inner_module(sight: &Sight<'_>, file: &Utf8Path, name: &str) -> bool {
    let folder = file.parent().filter(|_| file.file_name() == Some("__init__.py"));
    let first = name.split('.').next().unwrap_or(name);
    folder.is_some_and(|folder| modules::file_of(sight.reader, folder, first).is_some())
}

fn no_callable(
    sight: &Sight<'_>,
    saying: &Saying,
    file: &Utf8Path,
    root: &Utf8Path,
    callable: &str,
) -> DiscoveryError {
    DiscoveryError::NoCallable {
        by: saying.by.clone(),
        problem: format!("{}, but {file} binds no `{callable}`", saying.app),
        instead: usual::of_file(sight, file, root),
    }
}
