//! Versions in `metadata/manifest.yml`: they are texts that YAML likes to read as numbers
//! (node-contract.md, manifest.yml).

use super::facts::KNOWN;
use super::reading::element::{check_keys, is_version};
use super::reading::finding::{InFile, Level};
use super::reading::yaml::{Node, Value};

/// `Versions`, `Compatible-Versions` and `Version-Overrides`.
pub(super) fn check(root: &Node, at: &mut InFile<'_>) {
    for name in ["Versions", "Compatible-Versions"] {
        let Some(entry) = root.get(name) else { continue };
        if !entry.value.is_list() {
            at.error(entry.key.line, format!("{name} is not valid: it must be a list"));
        }
        for item in entry.value.items() {
            check_item(item, name, at);
        }
    }
    if let Some(entry) = root.get("Version-Overrides") {
        if !entry.value.is_map() {
            let message = "Version-Overrides is not valid: it holds a map of elements per version";
            return at.error(entry.key.line, message);
        }
        check_overrides(root, &entry.value, at);
    }
}

fn check_item(item: &Node, name: &str, at: &mut InFile<'_>) {
    match item.scalar() {
        None => at.error(item.line, format!("{name} holds versions, and this is none")),
        Some(text) if !is_version(text) => {
            let message = format!(
                "{name}: '{text}' counts as 0.0.0; allowed are digits and dots, as in '3.10'"
            );
            at.warning(item.line, message);
        }
        Some(_) => check_number(item, name, at),
    }
}

/// Notes a version that is a number to YAML.
pub(super) fn check_number(node: &Node, name: &str, at: &mut InFile<'_>) {
    let written = &node.written;
    let shortened = written.trim_end_matches('0');
    match node.value {
        Value::Float if shortened != written && !shortened.ends_with('.') => at.error(
            node.line,
            format!("{name} {written} is the number {shortened} to a node; quote it: '{written}'"),
        ),
        Value::Float | Value::Integer(_) => at.warning(
            node.line,
            format!("{name} {written} is a number, not a version; quote it: '{written}'"),
        ),
        _ => {}
    }
}

fn check_overrides(root: &Node, overrides: &Node, at: &mut InFile<'_>) {
    let mut offered: Vec<&str> = root
        .get("Versions")
        .map(|entry| entry.value.items())
        .unwrap_or_default()
        .iter()
        .chain(root.get("Version").map(|entry| &entry.value))
        .filter_map(Node::scalar)
        .collect();
    offered.sort_unstable();
    offered.dedup();
    for entry in overrides.entries() {
        let (line, version) = (entry.key.line, entry.key.scalar().unwrap_or_default());
        if matches!(entry.key.value, Value::Float | Value::Integer(_)) {
            let message = format!(
                "Version-Overrides {version} is a number and never matches a version; quote it: \
                 '{version}'"
            );
            at.error(line, message);
        }
        if !offered.contains(&version) {
            let message = format!(
                "Unsupported version {version} in Version-Overrides; Versions has {}",
                offered.join(", ")
            );
            at.error(line, message);
        }
        if !entry.value.is_map() {
            let message = format!("Version-Overrides {version} must hold elements of the manifest");
            at.error(line, message);
        }
        let of = format!("Version-Overrides {version}");
        check_keys(&entry.value, &of, KNOWN, Level::Warning, at);
    }
}
