//! What the checks of both YAML files share: names with suggestions, shapes, lists.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::finding::{InFile, Level};
use super::yaml::{Node, repeated};

/// Notes the keys of `map` that are not in `known`, as bad as `unknown` is, and those that stand there
/// twice. `of` says what the map is.
pub(in crate::validate) fn check_keys(
    map: &Node,
    of: &str,
    known: &[&str],
    unknown: Level,
    at: &mut InFile<'_>,
) {
    for (name, line) in repeated(map) {
        at.error(line, format!("{name} stands twice in {of}; only the last one counts"));
    }
    for entry in map.entries() {
        let name = entry.key.scalar().unwrap_or_default();
        if known.contains(&name) {
            continue;
        }
        let message =
            format!("{of} has no element `{name}`, nothing reads it; {}", instead(name, known));
        at.note(unknown, entry.key.line, message);
    }
}

/// "did you mean ...?", or else all that is allowed.
pub(in crate::validate) fn instead(name: &str, known: &[&str]) -> String {
    let close = |k: &&&str| strsim::damerau_levenshtein(&name.to_lowercase(), &k.to_lowercase());
    match known.iter().map(|k| (close(&k), k)).min() {
        Some((distance, best)) if distance <= 2.max(name.len() / 4) => {
            format!("did you mean `{best}`?")
        }
        // Nobody reads a list of forty names.
        _ if known.len() > 12 => "nothing like it is known".to_owned(),
        _ => format!("known are {}", known.join(", ")),
    }
}

/// True for what a shell can read as `$NAME`.
pub(in crate::validate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Digits and dots, beginning with a digit: what the node takes for a version.
pub(in crate::validate) fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The path without `.` and `..`; `None` if it leads out of where it starts.
pub(in crate::validate) fn inside(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Utf8Component::Normal(part) => parts.push(part),
            Utf8Component::ParentDir => drop(parts.pop()?),
            _ => {}
        }
    }
    Some(parts.iter().collect())
}
