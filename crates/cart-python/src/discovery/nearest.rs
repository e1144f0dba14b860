//! What a repository without an app has instead, for whoever wonders why.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::DiscoveryError;
use super::facts::{Unread, Value};
use super::reader::Reader;
use super::sight::{Sight, USUAL_NAMES};
use super::usual::{self, FACTORIES, FILES, Usual};
use super::{candidate, django, known};
use crate::settings::WSGI_APPLICATION;

/// No more is told.
const MOST: usize = 6;

/// Names that people give to requirements.txt by mistake.
const MISSPELT: &[&str] = &[
    "requirments.txt",
    "requeriments.txt",
    "requirement.txt",
    "Requirements.txt",
    "requirements.text",
    "requirements.txt.txt",
    "requirements.tx",
    "requirments.text",
    "reqirements.txt",
];

/// Environments that somebody has committed.
const ENVIRONMENTS: &[&str] = &[".venv", "venv", "env", ".env", "virtualenv"];

/// The error for a repository in which nothing is an app.
pub(super) fn none(sight: &Sight<'_>, usual: &Usual) -> DiscoveryError {
    let reader = sight.reader;
    for (file, _) in usual.all() {
        // A repository of Python 2 has an app, and that is why none was found.
        let facts = reader.facts(file);
        if let Some(failure) = &facts.failure
            && failure.what == Unread::Python2
        {
            return DiscoveryError::unread(reader, file, failure);
        }
    }
    let mut nearest: Vec<String> =
        usual.all().filter_map(|(file, root)| in_file(sight, file, root)).collect();
    nearest.extend(below(sight));
    nearest.extend(beside(reader));
    nearest.truncate(MOST);
    let looked_at: Vec<_> = usual.all().map(|(file, _)| file.as_str()).take(MOST).collect();
    let missing = !reader.has(Utf8Path::new(FILES[0]));
    let mut looked_in = match looked_at[..] {
        [] => format!("{} or {}, nor in a package", FILES[..4].join(", "), FILES[4]),
        _ => looked_at.join(", "),
    };
    if usual.all().count() > looked_at.len() {
        looked_in.push_str(" and others");
    }
    if missing && !looked_at.is_empty() {
        looked_in.push_str(", and app.py is missing");
    }
    DiscoveryError::None { repo: reader.repo().to_owned(), looked_in, nearest }
}

/// What is nearly an app in a file.
fn in_file(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Option<String> {
    let facts = sight.reader.facts(file);
    if let Some(failure) = &facts.failure {
        let line = if failure.line > 0 { format!(":{}", failure.line) } else { String::new() };
        return Some(format!("{file}{line} could not be parsed: {}", failure.text));
    }
    for binding in &facts.bindings {
        let of = match &binding.value {
            Value::Call { of, .. } => of.as_str(),
            _ => continue,
        };
        let at = format!("{file}:{}", binding.line);
        if let Some(framework) = known::not_served(of) {
            return Some(format!(
                "{at} makes an app of {framework}, which is neither WSGI nor ASGI"
            ));
        }
        if binding.guarded && (known::maker(of).is_some() || USUAL_NAMES.contains(&&*binding.name))
        {
            return Some(format!(
                "{at} binds `{}` only below `if __name__ == \"__main__\":`, so nobody can import \
                 it: bind it above that",
                binding.name
            ));
        }
    }
    for name in FACTORIES {
        let Some((function, _, line)) = sight.function(file, root, name) else { continue };
        let kind = function.returns.iter().find_map(|value| match value {
            Value::Call { of, .. } => known::not_served(of),
            _ => None,
        });
        if let Some(framework) = kind {
            return Some(format!(
                "{file}:{line} makes an app of {framework}, which is neither WSGI nor ASGI"
            ));
        }
        let given = function.names.join(", ");
        return Some(if function.coroutine {
            format!("{file}:{line} has {name}(), which is `async`: no server awaits it")
        } else {
            format!(
                "{file}:{line} has {name}({given}), which cannot be called without arguments: name \
                 them, as in {}={}",
                WSGI_APPLICATION.name,
                super::modules::entry_point(sight.reader, file, root, name)
            ) + "(\"production\")"
        });
    }
    let run = facts.runs.first()?;
    let name = run.of.trim_start_matches(':');
    Some(format!("{file}:{} calls {name}(), but what it serves has no name in that file", run.line))
}

/// Apps further down, with what would serve them.
fn below(sight: &Sight<'_>) -> Vec<String> {
    let reader = sight.reader;
    let mut found = Vec::new();
    for folder in usual::folders(reader.repo(), Utf8Path::new("")) {
        let named = |entry_point: crate::entry_point::EntryPoint| {
            format!("{}={entry_point}", WSGI_APPLICATION.name)
        };
        if let Some(project) = django::project(sight, &folder) {
            let named = named(project.entry_point);
            found.push(format!("{folder} has a manage.py of Django: {named}"));
            continue;
        }
        let inner: Vec<_> = usual::folders(reader.repo(), &folder);
        let files = inner.iter().flat_map(|inner| FILES.iter().map(move |file| inner.join(file)));
        let files: Vec<Utf8PathBuf> = files.filter(|file| reader.has(file)).collect();
        reader.prepare(&files);
        for file in files {
            for candidate in candidate::of_file(sight, &file, &folder) {
                let named = named(candidate.entry_point.clone());
                found.push(format!("{named}   ({candidate})"));
            }
        }
    }
    found
}

/// What else is at the top.
fn beside(reader: &Reader<'_>) -> Vec<String> {
    let names = usual::list(reader.repo());
    let mut found = Vec::new();
    let there = |name: &str| names.iter().any(|n| n == name);
    for name in MISSPELT.iter().filter(|name| there(name)) {
        found.push(format!("{name} is there: packages are read from requirements.txt"));
    }
    let is_environment = |name: &&&str| reader.repo().join(name).join("pyvenv.cfg").is_file();
    for name in ENVIRONMENTS.iter().filter(is_environment) {
        found.push(format!(
            "{name} is a virtual environment, which is of no use on another machine: take it out of \
             the repository"
        ));
    }
    if let Some(notebook) = names.iter().find(|name| name.ends_with(".ipynb")) {
        found.push(format!("{notebook} is a notebook, not a program that serves"));
    }
    for (file, language) in [
        ("package.json", "JavaScript"),
        ("config.ru", "Ruby"),
        ("pom.xml", "Java"),
        ("go.mod", "Go"),
    ] {
        if there(file) {
            found.push(format!("{file} is there: an app in {language} is served elsewhere"));
        }
    }
    found
}
