//! What a repository without an app has instead, for whoever wonders why.

use camino::{Utf8Path, Utf8PathBuf};

use super::candidates::files::{FILES, Usual, folders, list};
use super::candidates::usual::{self, FACTORIES};
use super::code::facts::{Binding, Facts, Inner, Unread, Value};
use super::code::known;
use super::code::reader::Reader;
use super::code::sight::{Sight, USUAL_NAMES};
use super::django;
use super::error::DiscoveryError;
use crate::packages::requirements::MISSPELLED;
use crate::variables::names::WSGI_APPLICATION;

/// No more is told.
const MOST: usize = 6;

/// No more files of one folder are read.
const MOST_READ: usize = 30;

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
    nearest.extend(django::without_app(sight));
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
    if let Some((framework, line)) = not_served(&facts) {
        return Some(format!(
            "{file}:{line} makes an app of {framework}, which is neither WSGI nor ASGI"
        ));
    }
    let is_guarded = |binding: &&Binding| {
        let is_maker =
            matches!(&binding.value, Value::Call { of, .. } if known::maker(of).is_some());
        let is_call = matches!(binding.value, Value::Call { .. });
        binding.guarded && (is_maker || (is_call && USUAL_NAMES.contains(&&*binding.name)))
    };
    if let Some(Binding { name, line, .. }) = facts.bindings.iter().find(is_guarded) {
        return Some(format!(
            "{file}:{line} binds `{name}` only below `if __name__ == \"__main__\":`, so nobody can \
             import it: bind it above that"
        ));
    }
    if let Some(text) = factory(sight, file, root, &facts) {
        return Some(text);
    }
    let made = |inner: &Inner| Some((known::maker(&inner.of)?, inner.line, inner.function.clone()));
    if let Some((maker, line, function)) = facts.inner.iter().find_map(made) {
        return Some(format!(
            "{file}:{line} makes an app of {} inside {function}(), where nobody can import it: \
             bind it to a name at the top level, or let a function create_app() return it",
            maker.framework
        ));
    }
    if let Some(framework) = facts.modules.iter().find_map(|module| known::program(module)) {
        return Some(format!(
            "{file} is a program of {framework}, which has a server of its own and is neither WSGI \
             nor ASGI"
        ));
    }
    let run = facts.runs.first()?;
    let name = run.of.trim_start_matches(':');
    Some(format!("{file}:{} calls {name}(), but what it serves has no name in that file", run.line))
}

/// The framework of something that no server here serves, and the line that makes it.
fn not_served(facts: &Facts) -> Option<(&'static str, usize)> {
    let of = |value: &Value| match value {
        Value::Call { of, .. } => known::not_served(of),
        _ => None,
    };
    let bound = facts.bindings.iter().find_map(|binding| {
        let returned = match &binding.value {
            Value::Function(function) => &function.returns[..],
            _ => &[],
        };
        let found = of(&binding.value).or_else(|| returned.iter().find_map(of));
        found.map(|framework| (framework, binding.line))
    });
    let inner = || facts.inner.iter().find_map(|i| Some((known::not_served(&i.of)?, i.line)));
    let run = || {
        facts.runs.iter().find_map(|run| {
            let (made, _) = run.of.split_once("()")?;
            Some((known::not_served(made)?, run.line))
        })
    };
    bound.or_else(inner).or_else(run)
}

/// A function that would make the app, if it could be called without arguments.
fn factory(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path, facts: &Facts) -> Option<String> {
    let is_function = |binding: &&Binding| matches!(binding.value, Value::Function(_));
    let others = facts.imported().filter(is_function);
    let makes =
        |name: &&str| sight.made_by(file, root, name).is_some_and(|app| app.framework.is_some());
    let others: Vec<_> = others.map(|binding| binding.name.as_str()).filter(makes).collect();
    FACTORIES.iter().copied().chain(others).find_map(|name| {
        let (function, _, line) = sight.function(file, root, name)?;
        if function.coroutine {
            return Some(format!(
                "{file}:{line} has {name}(), which is `async`: no server awaits it"
            ));
        }
        let entry_point = super::code::modules::entry_point(sight.reader, file, root, name);
        let given = function.names.join(", ");
        // Pyramid's take a mapping, Flask's mostly a name.
        let framework = sight.made_by(file, root, name).and_then(|app| app.framework);
        let example = if framework == Some("Pyramid") { "{}" } else { "\"production\"" };
        Some(format!(
            "{file}:{line} has {name}({given}), which cannot be called without arguments: name \
             them, as in {}={entry_point}({example})",
            WSGI_APPLICATION.name,
        ))
    })
}

/// Apps further down, with what would serve them.
fn below(sight: &Sight<'_>) -> Vec<String> {
    let reader = sight.reader;
    let mut found = Vec::new();
    for folder in folders(reader.repo(), Utf8Path::new("")) {
        let named = |entry_point: crate::variables::entry_point::EntryPoint| {
            format!("{}={entry_point}", WSGI_APPLICATION.name)
        };
        if let Some(project) = django::project(sight, &folder) {
            let named = named(project.entry_point);
            found.push(format!("{folder} has a manage.py of Django: {named}"));
            continue;
        }
        // What is not called as a web app usually is.
        let own = list(&reader.repo().join(&folder)).into_iter();
        let own = own.filter(|name| name.ends_with(".py") && !name.starts_with("test"));
        let own = own.map(|name| (folder.join(name), Utf8PathBuf::new()));
        let inner: Vec<_> = folders(reader.repo(), &folder);
        let inner = inner.iter().flat_map(|inner| FILES.iter().map(move |file| inner.join(file)));
        let inner = inner.map(|file| (file, folder.clone()));
        let all = own.take(MOST_READ).chain(inner);
        let all: Vec<_> = all.filter(|(file, _)| reader.has(file)).collect();
        reader.prepare(&all.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>());
        for (file, root) in all {
            for candidate in usual::of_file(sight, &file, &root) {
                let named = named(candidate.entry_point.clone());
                found.push(format!("{named}   ({candidate})"));
            }
        }
    }
    found
}

/// What else is at the top.
fn beside(reader: &Reader<'_>) -> Vec<String> {
    let names = list(reader.repo());
    let mut found = Vec::new();
    let there = |name: &str| names.iter().any(|n| n == name);
    for name in FILES.iter().filter(|name| there(name) && !reader.has(Utf8Path::new(name))) {
        if reader.repo().join(name).is_symlink() {
            found.push(format!(
                "{name} is a link to what is not in the repository: put the file itself there"
            ));
        }
    }
    for name in MISSPELLED.iter().filter(|name| there(name)) {
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
