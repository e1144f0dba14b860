//! `metadata/managed_files.yml` (node-contract.md, managed_files.yml).

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::Facts;
use super::reading::element::{check_keys, inside};
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
    "image_exclusions",
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
    let own = facts.directory().unwrap_or_else(|| "cartridge".to_owned());
    let cartridge = Cartridge { directory, own };
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

/// What stands in a list.
struct Item<'a> {
    list: &'a str,
    entry: &'a str,
    line: usize,
}

impl Item<'_> {
    fn error(&self, what: &str, at: &mut InFile<'_>) {
        at.error(self.line, format!("{} '{}'{what}", self.list, self.entry));
    }

    fn warning(&self, what: &str, at: &mut InFile<'_>) {
        at.warning(self.line, format!("{} '{}'{what}", self.list, self.entry));
    }
}

/// The cartridge that the file is about, and what its directory is called on a gear.
struct Cartridge<'a> {
    directory: &'a Utf8Path,
    own: String,
}

impl Cartridge<'_> {
    fn check_item(&self, list: &str, item: &Node, at: &mut InFile<'_>) {
        let dependencies = matches!(list, "dependency_dirs" | "build_dependency_dirs");
        if dependencies && item.is_map() {
            for pair in item.entries() {
                let entry = pair.key.scalar().unwrap_or_default();
                self.check_entry(&Item { list, entry, line: pair.key.line }, at);
                check_target(pair.value.scalar().unwrap_or_default(), pair.value.line, at);
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
                self.check_entry(&Item { list, entry, line: item.line }, at);
                if dependencies {
                    check_target(entry, item.line, at);
                }
            }
        }
    }

    fn check_entry(&self, item: &Item<'_>, at: &mut InFile<'_>) {
        let (own, entry) = (&self.own, item.entry);
        if entry.is_empty() {
            return;
        }
        if entry.starts_with('/') {
            let what = format!(
                " means {own}{entry}: entries are relative to the cartridge, or to the gear's home \
                 after `~/`"
            );
            return item.error(&what, at);
        }
        let in_home =
            entry.strip_prefix("~/").map_or_else(|| format!("{own}/{entry}"), str::to_owned);
        let Some(place) = normal(&in_home) else {
            return item.error(" leads out of the gear's home; a node drops it", at);
        };
        let shipped = place.strip_prefix(own).ok();
        self.check_pattern(item, shipped, at);
        if let Some(below) = entry.strip_prefix(&format!("{own}/"))
            && !self.directory.join(own).exists()
        {
            let what = format!(
                " means {own}/{entry}: entries are relative to the cartridge; write '{below}'"
            );
            return item.warning(&what, at);
        }
        match item.list {
            "locked_files" => check_locked(item, &place, own, at),
            "processed_templates" => self.check_template(item, shipped, at),
            "dependency_dirs" | "build_dependency_dirs" => {
                self.check_link(item, &place, shipped, at);
            }
            "snapshot_exclusions" if entry.ends_with('/') => {
                item.error(" matches nothing; write it without the slash at the end", at);
            }
            "image_exclusions"
                if entry.starts_with("~/") || entry.contains('*') || entry.ends_with('/') =>
            {
                item.error(
                    " matches nothing; write the path of a file or a directory of the cartridge",
                    at,
                );
            }
            _ => {}
        }
    }

    fn check_pattern(&self, item: &Item<'_>, shipped: Option<&Utf8Path>, at: &mut InFile<'_>) {
        let named = shipped.is_some_and(|path| self.directory.join(path).exists());
        if !item.entry.contains('*') && item.entry.contains(['?', '[', '{']) && !named {
            item.warning(" is taken literally: only entries with `*` are patterns", at);
        }
        if shipped.is_some_and(|path| [super::facts::FILE, FILE].contains(&path.as_str())) {
            item.warning(" is removed from the list by the node", at);
        }
    }

    fn check_template(&self, item: &Item<'_>, shipped: Option<&Utf8Path>, at: &mut InFile<'_>) {
        if !item.entry.ends_with(".erb") {
            item.error(" must end in .erb", at);
        }
        let Some(path) = shipped else { return };
        if path.starts_with("usr") {
            let what = ": usr/ is shared and read-only on a gear, nothing can be rendered there";
            return item.error(what, at);
        }
        let setup = self.directory.join("bin/setup").exists();
        if item.entry.contains('*') {
            let simple = !item.entry.contains(['?', '[', '{']);
            if simple && !setup && glob::files(self.directory, path.as_str()).is_empty() {
                item.warning(" matches no file", at);
            }
        } else if !self.directory.join(path).is_file() {
            let what = " is missing in the cartridge: a node answers CLIENT_ERROR";
            match setup {
                true => item.warning(&format!("{what}, unless setup makes it"), at),
                false => item.error(what, at),
            }
        }
    }

    fn check_link(
        &self,
        item: &Item<'_>,
        place: &Utf8Path,
        shipped: Option<&Utf8Path>,
        at: &mut InFile<'_>,
    ) {
        if shipped.is_some_and(|path| self.directory.join(path).symlink_metadata().is_ok()) {
            let what = ": the cartridge ships something at the link's place, so the link is never \
                        made; remove it";
            item.error(what, at);
        }
        let visible = place.components().count() == 1 && !place.as_str().starts_with('.');
        if item.entry.starts_with("~/") && visible {
            let what = ": a new visible entry in the gear's home fails configure; begin its name \
                        with a dot";
            item.error(what, at);
        }
    }
}

fn check_target(target: &str, line: usize, at: &mut InFile<'_>) {
    if normal(target.strip_prefix("~/").unwrap_or(target)).is_none() {
        at.error(line, format!("the target '{target}' leads out of the dependency directory"));
    }
}

fn check_locked(item: &Item<'_>, place: &Utf8Path, own: &str, at: &mut InFile<'_>) {
    if let Some(prefix) = NEVER_LOCKED.iter().find(|p| place.as_str().starts_with(**p)) {
        let what =
            format!(" is refused: whatever begins with {prefix} in the gear's home is the node's");
        return item.error(&what, at);
    }
    let below = |directory: &str| place.starts_with(directory) && place != directory;
    if !below("app-root") && !below(own) && !place.as_str().starts_with('.') {
        let what = " is refused: allowed are files of the cartridge, ~/app-root/... and dot files \
                    of the gear's home";
        item.error(what, at);
    }
}

/// The path of something inside, without `.` and `..`; `None` if it leads out of where it starts, or to
/// that itself.
fn normal(path: &str) -> Option<Utf8PathBuf> {
    inside(path.into()).filter(|path| !path.as_str().is_empty())
}
