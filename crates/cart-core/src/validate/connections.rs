//! `Publishes`, `Subscribes` and the scripts in `hooks/` that they are about (node-contract.md,
//! Connections, scaling).

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::facts::FILE;
use super::modes::is_executable;
use super::reading::finding::Findings;
use super::reading::yaml::{Entry, Node};

/// The list of what is asked for variables.
const PUBLISHES: &str = "Publishes";

/// The node does the work of these itself.
const OF_THE_PLATFORM: [&str; 3] =
    ["publish-http-url", "publish-gear-endpoint", "set-gear-endpoints"];

pub(super) fn check(directory: &Utf8Path, root: &Node, findings: &mut Findings) {
    let mut declared = BTreeSet::new();
    let components = root.get("Components").map(|e| e.value.entries()).unwrap_or_default();
    for holder in components.iter().map(|entry| &entry.value).chain([root]) {
        for list in [PUBLISHES, "Subscribes"] {
            let Some(entry) = holder.get(list).filter(|e| !e.value.is_null()) else { continue };
            if !entry.value.is_map() {
                let message =
                    format!("{list} is not valid: it holds a map of connections, each a Type");
                findings.in_file(FILE).error(entry.key.line, message);
            }
            for connection in entry.value.entries() {
                declared.extend(connection.key.scalar());
                check_connection(directory, list, connection, findings);
            }
        }
    }
    check_hooks(directory, &declared, findings);
}

fn check_connection(directory: &Utf8Path, list: &str, connection: &Entry, findings: &mut Findings) {
    let mut at = findings.in_file(FILE);
    let (line, name) = (connection.key.line, connection.key.scalar().unwrap_or_default());
    let Some(kind) = connection.value.get("Type").and_then(|e| e.value.scalar()) else {
        let message =
            format!("{list} {name} needs a Type, such as 'ENV:NET_TCP:db:connection-info'");
        return at.error(line, message);
    };
    let hook = directory.join("hooks").join(name);
    if OF_THE_PLATFORM.contains(&name) || hook.exists() {
        return;
    }
    let required = connection.value.get("Required").and_then(|e| e.value.scalar());
    let missing = format!("{list} {name}: hooks/{name} is missing");
    if !kind.starts_with("ENV:") {
        match required {
            Some("false") => {
                at.warning(line, format!("{missing}; the connection would fail with 127"));
            }
            _ => at.error(line, format!("{missing}; the connection fails with 127")),
        }
    } else if list == PUBLISHES {
        // A script that is to take variables in may be missing: the node has them in the gear.
        at.warning(line, format!("{missing}, so nothing is published"));
    }
}

fn check_hooks(directory: &Utf8Path, declared: &BTreeSet<&str>, findings: &mut Findings) {
    let Ok(entries) = directory.join("hooks").read_dir_utf8() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let mut at = findings.in_file(format!("hooks/{name}"));
        if OF_THE_PLATFORM.contains(&name) {
            at.warning(1, "is never run: the name is reserved, the node does the work itself");
        } else if !declared.contains(name) {
            at.warning(
                1,
                "is never run: neither Publishes nor Subscribes of the manifest names it",
            );
        } else if !is_executable(entry.path()) {
            at.error(1, "is not executable; the connection fails with 126");
        }
    }
}
