//! Files that no server can import, though an app stands in them: because they serve by themselves
//! on the way, or hide the package that they import.

use camino::Utf8Path;

use super::facts::{Facts, Value};
use super::known;
use super::sight::Sight;

/// A call that never comes to an end.
pub(crate) struct Endless {
    pub(crate) line: usize,
    pub(crate) call: String,
}

/// What keeps the import of a file from coming to its end.
pub(crate) fn endless(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Option<Endless> {
    let facts = sight.reader.facts(file);
    let run = facts
        .runs
        .iter()
        .find(|run| run.always && !run.guarded && is_endless(sight, file, root, &facts, &run.of))?;
    // What an import calls otherwise is told as it was imported.
    let call = run.of.trim_start_matches([':', '.']).to_owned();
    Some(Endless { line: run.line, call })
}

fn is_endless(
    sight: &Sight<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    facts: &Facts,
    of: &str,
) -> bool {
    if known::serves(of) {
        return true;
    }
    let Some((target, method)) = of.rsplit_once('.') else { return false };
    let bound = facts.imported().rfind(|binding| match target.strip_prefix(':') {
        Some(name) => binding.name == name,
        None => matches!(&binding.value, Value::Name { of } if of == target),
    });
    let Some(binding) = bound else { return false };
    if let Value::Call { of, .. } = &binding.value
        && known::serves(&format!("{of}().{method}"))
    {
        return true;
    }
    let app = (method == "run").then(|| sight.of(file, root, &binding.name)).flatten();
    app.and_then(|app| app.framework).is_some_and(known::runs_itself)
}

/// The package that a file imports and hides, because it has its name.
pub(crate) fn hidden(sight: &Sight<'_>, file: &Utf8Path, root: &Utf8Path) -> Option<String> {
    let stem = file.file_stem().unwrap_or_default();
    let is_top = file.parent() == Some(root) && known::is_package(stem);
    let imports_it = || {
        let facts = sight.reader.facts(file);
        facts.modules.iter().any(|module| module.split('.').next() == Some(stem))
    };
    (is_top && imports_it()).then(|| stem.to_owned())
}
