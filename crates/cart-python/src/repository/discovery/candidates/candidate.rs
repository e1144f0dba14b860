//! Names for an app, and which of several is meant.

use std::collections::HashSet;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::repository::discovery::code::facts::{Facts, Value};
use crate::repository::discovery::code::sight::{App, Sight, USUAL_NAMES};
use crate::repository::discovery::code::{known, modules, serving};
use crate::variables::entry_point::EntryPoint;

/// No more names of one file are looked at.
const MOST: usize = 100;

/// A name that stands for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As the launchers take it.
    pub entry_point: EntryPoint,
    /// The file, relative to the repository.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
    pub(crate) app: App,
}

/// As it stands in a list: what it is, and where.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}:{}", self.app.what, self.file, self.line)
    }
}

/// The apps of one file that come into question: one, unless the file leaves it open.
pub(crate) fn of_file(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Vec<Candidate> {
    let facts = sight.reader.facts(file);
    let mut found: Vec<Candidate> = Vec::new();
    let mut seen = HashSet::new();
    let is_endless = serving::endless(sight, file, root).is_some();
    for binding in facts.imported().rev() {
        if seen.len() >= MOST || !seen.insert(binding.name.as_str()) {
            continue;
        }
        // A class is no app, but where it is called as one.
        let is_class = matches!(binding.value, Value::Class(_));
        if is_class && !USUAL_NAMES.contains(&binding.name.as_str()) {
            continue;
        }
        let Some(app) = sight.of(file, root, &binding.name) else { continue };
        // Whoever imports a file that serves by itself waits for ever.
        let other = is_endless.then(|| where_it_is_made(sight, file, root, &app)).flatten();
        found.push(other.unwrap_or_else(|| {
            let entry_point = modules::entry_point(sight.reader, file, root, &binding.name);
            Candidate { entry_point, file: file.to_owned(), line: binding.line, app }
        }));
    }
    if found.is_empty() {
        found.extend(held(sight, file, root, &facts));
    }
    found.sort_by_key(|candidate| (rank(candidate), candidate.line));
    let mut origins = HashSet::new();
    found.retain(|candidate| origins.insert(candidate.app.origin.clone()));
    let is_mounted = |candidate: &Candidate| {
        facts.mounted.iter().any(|name| name == candidate.entry_point.callable())
    };
    if !found.iter().all(is_mounted) {
        found.retain(|candidate| !is_mounted(candidate));
    }
    let Some(first) = found.first().cloned() else {
        return found;
    };
    let other_framework = |other: &Candidate| {
        let both = other.app.framework.zip(first.app.framework);
        both.is_some_and(|(one, two)| one != two)
    };
    let of_frameworks = found.iter().filter(|candidate| candidate.app.framework.is_some()).count();
    if USUAL_NAMES.contains(&first.entry_point.callable()) && !found.iter().any(other_framework) {
        found.truncate(1);
    } else if of_frameworks == 1 {
        found.retain(|candidate| candidate.app.framework.is_some());
    }
    found
}

/// An app by its name in the file that makes it, where another one only imports it.
fn where_it_is_made(
    sight: &Sight<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    app: &App,
) -> Option<Candidate> {
    let (origin, line) = &app.origin;
    let facts = sight.reader.facts(origin);
    let binding = facts.imported().find(|binding| binding.line == *line)?;
    let is_made = matches!(binding.value, Value::Call { .. } | Value::Either { .. });
    (origin != file && is_made && !app.is_wrapped).then(|| Candidate {
        entry_point: modules::entry_point(sight.reader, origin, root, &binding.name),
        file: origin.clone(),
        line: *line,
        app: app.clone(),
    })
}

/// An app that something in the file holds which is none itself: `app.server` of Dash.
fn held(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path, facts: &Facts) -> Option<Candidate> {
    facts.imported().find_map(|binding| {
        let Value::Call { of, .. } = &binding.value else { return None };
        let (attribute, maker, called) = known::held_by(of)?;
        let callable = format!("{}.{attribute}", binding.name);
        let entry_point = modules::entry_point(sight.reader, file, root, &callable);
        let entry_point = if called { entry_point.called() } else { entry_point };
        let what = format!("an app of {}", maker.framework);
        let app = App::by(maker, what, (file.to_owned(), binding.line));
        Some(Candidate { entry_point, file: file.to_owned(), line: binding.line, app })
    })
}

/// What is tried first of several names in a file.
fn rank(candidate: &Candidate) -> usize {
    // Whoever asks for the app in it gets no events.
    let has_events =
        candidate.app.what.ends_with(" in ASGIApp") || candidate.app.what.ends_with(" in WSGIApp");
    match USUAL_NAMES.iter().position(|name| *name == candidate.entry_point.callable()) {
        Some(0) => 0,
        _ if has_events => 1,
        Some(_) => 2,
        None if candidate.app.is_wrapped => 3,
        None => 4,
    }
}

/// What was chosen of the files of a kind, and why.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) candidate: Candidate,
    pub(crate) why: String,
}

/// The app among those of several files; `Err` with all of them where it is open which one is meant.
pub(crate) fn choose(
    sight: &Sight<'_>,
    files: &[(Utf8PathBuf, Utf8PathBuf)],
) -> Result<Option<Choice>, Vec<Candidate>> {
    let mut found: Vec<_> =
        files.iter().flat_map(|(file, root)| of_file(sight, file, root)).collect();
    let inside = mounted(sight, files);
    if !found.iter().all(|candidate| inside.contains(&candidate.app.origin)) {
        found.retain(|candidate| !inside.contains(&candidate.app.origin));
    }
    let Some(first) = found.first().cloned() else {
        return Ok(None);
    };
    if first.file == "app.py" && first.entry_point.callable() == USUAL_NAMES[0] {
        let alone = found.len() == 1;
        let why = if alone { ONLY } else { "`application` in app.py is looked for first" };
        return Ok(Some(Choice { candidate: first, why: why.to_owned() }));
    }
    let same = |candidate: &Candidate| candidate.app.origin == first.app.origin;
    if found.iter().all(same) {
        // Who writes such a file means it to be served.
        let made_to_serve = |c: &&Candidate| matches!(c.file.file_stem(), Some("wsgi" | "asgi"));
        let chosen = found
            .iter()
            .find(|candidate| candidate.app.is_wrapped)
            .or_else(|| found.iter().find(made_to_serve))
            .or_else(|| found.iter().find(|candidate| imports_it(sight, candidate)))
            .unwrap_or(&first);
        let others: Vec<_> = found.iter().filter(|other| other.file != chosen.file).collect();
        let why = match others[..] {
            [] => ONLY.to_owned(),
            [other] => format!("{} names the same one", other.file),
            [other, ..] => format!("{} and others name the same one", other.file),
        };
        return Ok(Some(Choice { candidate: chosen.clone(), why }));
    }
    django(&found).map(Some).ok_or(found)
}

/// Whether a file has the app from another one, which does not import it in turn: then it may add
/// what belongs to the app (`import views`), and nothing is lost by importing both.
fn imports_it(sight: &Sight<'_>, candidate: &Candidate) -> bool {
    let origin = &candidate.app.origin.0;
    let facts = sight.reader.facts(origin);
    let stem = candidate.file.file_stem().unwrap_or_default();
    let is_imported = facts.modules.iter().any(|m| m.split('.').any(|part| part == stem));
    candidate.file != *origin && !facts.relative && !is_imported
}

const ONLY: &str = "no other file names one";

/// A Django project has both kinds; ASGI is meant only where something needs it.
fn django(found: &[Candidate]) -> Option<Choice> {
    let of =
        |framework| found.iter().filter(|c| c.app.framework == Some(framework)).collect::<Vec<_>>();
    let (plain, channels) = (of("Django"), of("Channels"));
    if plain.len() + channels.len() != found.len() {
        return None;
    }
    let (wsgi, asgi): (Vec<_>, Vec<_>) = plain
        .into_iter()
        .partition(|c| c.app.interface == Some(crate::variables::interface::Interface::Wsgi));
    match (&wsgi[..], &asgi[..], &channels[..]) {
        ([_], [], [candidate]) => {
            let why = "it is there for channels".to_owned();
            Some(Choice { candidate: (*candidate).clone(), why })
        }
        ([candidate], [other], []) => {
            let why = format!("{} is there, too, but nothing asks for ASGI", other.file);
            Some(Choice { candidate: (*candidate).clone(), why })
        }
        _ => None,
    }
}

/// Where the apps are made that are put into others.
fn mounted(
    sight: &Sight<'_>,
    files: &[(Utf8PathBuf, Utf8PathBuf)],
) -> HashSet<(Utf8PathBuf, usize)> {
    let mut inside = HashSet::new();
    for (file, root) in files {
        for name in &sight.reader.facts(file).mounted {
            inside.extend(sight.of(file, root, name).map(|app| app.origin));
        }
    }
    inside
}
