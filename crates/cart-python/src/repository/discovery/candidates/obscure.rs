//! Names of apps that stand for something the code does not explain: what a package answers, what a
//! loop has found. They may well be apps, so they are taken where nothing else is one.

use super::candidate::{Candidate, Choice};
use super::files::Usual;
use crate::repository::discovery::code::facts::{Facts, Value};
use crate::repository::discovery::code::sight::{App, Sight, USUAL_NAMES};
use crate::repository::discovery::code::{known, modules};

/// `application` or `app` of a usual file that is something, though it cannot be seen what.
pub(crate) fn choose(sight: &Sight<'_>, usual: &Usual) -> Option<Choice> {
    for name in USUAL_NAMES {
        for (file, root) in usual.top.iter().chain(&usual.inner) {
            let facts = sight.reader.facts(file);
            let Some(line) = may_be_an_app(&facts, name) else { continue };
            if modules::leads_to_module(sight.reader, file, root, &facts, name) {
                continue;
            }
            let entry_point = modules::entry_point(sight.reader, file, root, name);
            let app = App::new(KIND, (file.clone(), line));
            let candidate = Candidate { entry_point, file: file.clone(), line, app };
            let why = "nothing else here is likelier to be one".to_owned();
            return Some(Choice { candidate, why });
        }
    }
    None
}

/// What is told of an app whose kind nobody can see.
pub(crate) const KIND: &str = "of a kind that shows only when it is imported";

/// Whether what is not understood may be an app all the same: bound to a name that apps have, by a
/// call or an import that leads out of what can be read.
pub(crate) fn may_be_an_app(facts: &Facts, name: &str) -> Option<usize> {
    let binding = facts.last(name)?;
    let of = match &binding.value {
        // A module is none.
        Value::Name { of } if !of.contains(['.', ':']) => return None,
        Value::Call { of, .. } | Value::Name { of } => of.as_str(),
        Value::Either { .. } | Value::Other => "",
        Value::Function(function) => {
            let by_position =
                function.any || function.required >= 2 || !function.decorators.is_empty();
            return by_position.then_some(binding.line);
        }
        _ => return None,
    };
    let package = of.trim_start_matches(['.', ':']).split(['.', '(']).next().unwrap_or_default();
    (!OTHER_APPS.contains(&package) && known::not_served(of).is_none()).then_some(binding.line)
}

/// Packages whose `app` is of another kind.
const OTHER_APPS: &[&str] = &[
    "celery",
    "typer",
    "click",
    "cyclopts",
    "discord",
    "telegram",
    "tkinter",
    "PyQt5",
    "PyQt6",
    "PySide2",
    "PySide6",
    "kivy",
    "slack_bolt",
    "aiogram",
    "pyrogram",
    "textual",
    "streamlit",
];
