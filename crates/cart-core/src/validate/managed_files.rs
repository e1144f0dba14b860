//! `metadata/managed_files.yml` (node-contract.md, managed_files.yml).

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::facts::Facts;
use super::reading::element::check_keys;
use super::reading::finding::{Findings, InFile, Level};
use super::reading::yaml::{Node, Value};
use crate::disk::glob;
use crate::given::managed_files::with_plain_keys;

const FILE: &str = "metadata/managed_files.yml";
const KNOWN: &[&str] = &[
    "locked_files",
    "processed_templates",
    "setup_rewritten",
    "dependency_dirs",
    "build_dependency_dirs",
    "snapshot_exclusions",
    "restore_transforms",
];
/// Whatever begins so in the gear's home is the node's own.
const NEVER_LOCKED: [&str; 4] = [".ssh", ".sandbox", ".tmp", ".env"];

pub(super) fn check(directory: &Utf8Path, facts: &Facts, findings: &mut Findings) {
    let Ok(bytes) = std::fs::read(directory.join(FILE)) else { return };
    let text = String::from_utf8_lossy(&bytes);
    let mut at = findings.in_file(FILE);
    // A symbol of Ruby for a key says the same as a text.
    let root = match Node::parse(&with_plain_keys(&text)) {
        Ok(root) => root,
        Err(wrong) => return at.error(wrong.line, wrong.message),
    };
    if !root.is_map() {
        return at
            .error(1, "must be a map of lists; leave the file out if there is nothing to say");
    }
    check_keys(&root, "managed_files.yml", KNOWN, Level::Error, &mut at);
    let cartridge = Cartridge { directory, facts };
    for list in root.entries() {
        let name = list.key.scalar().unwrap_or_default();
        if !KNOWN.contains(&name) || list.value.is_null() {
            continue;
        }
        if !list.value.is_list() {
            at.error(list.key.line, format!("{name} must be a list"));
        }
        for item in list.value.items() {
            cartridge.check_item(name, item, &mut at);
        }
    }
}

/// The cartridge that the file is about.
struct Cartridge<'a> {
    directory: &'a Utf8Path,
    facts: &'a Facts,
}

impl Cartridge<'_> {
    fn check_item(&self, list: &str, item: &Node, at: &mut InFile<'_>) {
        let dependencies = matches!(list, "dependency_dirs" | "build_dependency_dirs");
        if dependencies && item.is_map() {
            for pair in item.entries() {
                let link = pair.key.scalar().unwrap_or_default();
                self.check_entry(list, link, pair.key.line, at);
                self.check_target(pair.value.scalar().unwrap_or_default(), pair.value.line, at);
            }
            return;
        }
        match &item.value {
            Value::Null => {}
            Value::List(_) | Value::Map(_) => {
                at.error(item.line, format!("{list} holds names of files, and this is none"));
            }
            _ if list == "restore_transforms" => {}
            _ => {
                let entry = item.scalar().unwrap_or_default().trim();
                self.check_entry(list, entry, item.line, at);
                if dependencies {
                    self.check_target(entry, item.line, at);
                }
            }
        }
    }

    fn check_target(&self, target: &str, line: usize, at: &mut InFile<'_>) {
        if normal(target.strip_prefix("~/").unwrap_or(target)).is_none() {
            let message = format!("the target '{target}' leads out of the dependency directory");
            at.error(line, message);
        }
    }

    fn check_entry(&self, list: &str, entry: &str, line: usize, at: &mut InFile<'_>) {
        if entry.is_empty() {
            return;
        }
        let own = self.facts.directory().unwrap_or_else(|| "cartridge".to_owned());
        if entry.starts_with('/') {
            let message = format!(
                "{list} '{entry}' means {own}{entry}: entries are relative to the cartridge, or to \
                 the gear's home after `~/`"
            );
            return at.error(line, message);
        }
        let in_home =
            entry.strip_prefix("~/").map_or_else(|| format!("{own}/{entry}"), str::to_owned);
        let Some(place) = normal(&in_home) else {
            let message = format!("{list} '{entry}' leads out of the gear's home; a node drops it");
            return at.error(line, message);
        };
        let shipped = place.strip_prefix(&own).ok().map(Utf8Path::to_owned);
        self.check_pattern(list, entry, line, shipped.as_deref(), at);
        if let Some(below) = entry.strip_prefix(&format!("{own}/"))
            && !self.directory.join(&own).exists()
        {
            let message = format!(
                "{list} '{entry}' means {own}/{entry}: entries are relative to the cartridge; \
                 write '{below}'"
            );
            return at.warning(line, message);
        }
        match list {
            "locked_files" => check_locked(entry, &place, &own, line, at),
            "processed_templates" => self.check_template(entry, shipped.as_deref(), line, at),
            "dependency_dirs" | "build_dependency_dirs" => {
                self.check_link(list, entry, &place, shipped.as_deref(), line, at);
            }
            "snapshot_exclusions" if entry.ends_with('/') => {
                let message = format!(
                    "snapshot_exclusions '{entry}' matches nothing; write it without the slash at \
                     the end"
                );
                at.error(line, message);
            }
            _ => {}
        }
    }

    fn check_pattern(
        &self,
        list: &str,
        entry: &str,
        line: usize,
        shipped: Option<&Utf8Path>,
        at: &mut InFile<'_>,
    ) {
        let named = shipped.is_some_and(|path| self.directory.join(path).exists());
        if !entry.contains('*') && entry.contains(['?', '[', '{']) && !named {
            let message =
                format!("{list} '{entry}' is taken literally: only entries with `*` are patterns");
            at.warning(line, message);
        }
        if let Some(path) = shipped
            && ["metadata/manifest.yml", "metadata/managed_files.yml"].contains(&path.as_str())
        {
            at.warning(line, format!("{list} '{entry}' is removed from the list by the node"));
        }
    }

    fn check_template(
        &self,
        entry: &str,
        shipped: Option<&Utf8Path>,
        line: usize,
        at: &mut InFile<'_>,
    ) {
        if !entry.ends_with(".erb") {
            let message = format!("processed_templates '{entry}' must end in .erb");
            at.error(line, message);
        }
        let Some(path) = shipped else { return };
        if path.starts_with("usr") {
            let message = format!(
                "processed_templates '{entry}': usr/ is shared and read-only on a gear, nothing \
                 can be rendered there"
            );
            at.error(line, message);
            return;
        }
        let setup = self.directory.join("bin/setup").exists();
        if entry.contains('*') {
            let simple = !entry.contains(['?', '[', '{']);
            if simple && !setup && glob::files(self.directory, path.as_str()).is_empty() {
                at.warning(line, format!("processed_templates '{entry}' matches no file"));
            }
        } else if !self.directory.join(path).is_file() {
            let message = format!(
                "processed_templates '{entry}' is missing in the cartridge: a node answers \
                 CLIENT_ERROR"
            );
            match setup {
                true => at.warning(line, format!("{message}, unless setup makes it")),
                false => at.error(line, message),
            }
        }
    }

    fn check_link(
        &self,
        list: &str,
        entry: &str,
        place: &Utf8Path,
        shipped: Option<&Utf8Path>,
        line: usize,
        at: &mut InFile<'_>,
    ) {
        if shipped.is_some_and(|path| self.directory.join(path).symlink_metadata().is_ok()) {
            let message = format!(
                "{list} '{entry}': the cartridge ships something at the link's place, so the link \
                 is never made; remove it"
            );
            at.error(line, message);
        }
        let visible = place.components().count() == 1 && !place.as_str().starts_with('.');
        if entry.starts_with("~/") && visible {
            let message = format!(
                "{list} '{entry}': a new visible entry in the gear's home fails configure; begin \
                 its name with a dot"
            );
            at.error(line, message);
        }
    }
}

fn check_locked(entry: &str, place: &Utf8Path, own: &str, line: usize, at: &mut InFile<'_>) {
    if let Some(prefix) = NEVER_LOCKED.iter().find(|p| place.as_str().starts_with(**p)) {
        let message = format!(
            "locked_files '{entry}' is refused: whatever begins with {prefix} in the gear's home \
             is the node's"
        );
        return at.error(line, message);
    }
    let below = |directory: &str| place.starts_with(directory) && place != directory;
    if !below("app-root") && !below(own) && !place.as_str().starts_with('.') {
        let message = format!(
            "locked_files '{entry}' is refused: allowed are files of the cartridge, ~/app-root/... \
             and dot files of the gear's home"
        );
        at.error(line, message);
    }
}

/// The path without `.` and `..`; `None` if it leads out of where it starts.
fn normal(path: &str) -> Option<Utf8PathBuf> {
    let mut parts = Vec::new();
    for component in Utf8Path::new(path).components() {
        match component {
            Utf8Component::Normal(part) => parts.push(part),
            Utf8Component::ParentDir => {
                parts.pop()?;
            }
            _ => {}
        }
    }
    (!parts.is_empty()).then(|| parts.iter().collect())
}
