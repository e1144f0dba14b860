//! Paths of `managed_files.yml` on a gear (node-contract.md, managed_files.yml): relative to the
//! cartridge, or after `~/` to the gear's home; with `*` they are patterns.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::glob;
use cart_core::managed_files::{Dependency, ManagedFiles};

use crate::layout::paths::{Layout, link_once};

/// Where an entry lies, or `None` for one that would lead out of the gear's home, which a node
/// drops.
#[must_use]
pub(crate) fn place(layout: &Layout, cartridge: &Utf8Path, entry: &str) -> Option<Utf8PathBuf> {
    let (base, rest) = match entry.strip_prefix("~/") {
        Some(rest) => (layout.home(), rest),
        None => (cartridge, entry),
    };
    let rest = Utf8Path::new(rest);
    let stays =
        rest.components().all(|c| matches!(c, Utf8Component::Normal(_) | Utf8Component::CurDir));
    stays.then(|| base.join(rest))
}

/// The files that an entry stands for: those that match its pattern, sorted, or the one it names,
/// be it there or not.
#[must_use]
pub(crate) fn expand(layout: &Layout, cartridge: &Utf8Path, entry: &str) -> Vec<Utf8PathBuf> {
    let Some(path) = place(layout, cartridge, entry) else {
        return Vec::new();
    };
    if !entry.contains('*') {
        return vec![path];
    }
    glob::files(Utf8Path::new(""), path.as_str())
}

/// Makes the links of `dependency_dirs` and `build_dependency_dirs`. What is at a link's place
/// already stays. May be called again, when the dependencies have been emptied.
///
/// # Errors
/// [`FileError`] naming the link or directory.
pub(crate) fn link_dependencies(
    layout: &Layout,
    cartridge: &Utf8Path,
    managed: &ManagedFiles,
) -> Result<(), FileError> {
    let lists = [
        (&managed.dependency_dirs, layout.dependencies()),
        (&managed.build_dependency_dirs, layout.build_dependencies()),
    ];
    for (entries, directory) in lists {
        for (link, target) in entries.iter().flat_map(Dependency::links) {
            let target = target.strip_prefix("~/").unwrap_or(target);
            let place = place(layout, cartridge, link);
            // The target, too, must stay in its directory.
            let stays = self::place(layout, &directory, target);
            if let (Some(link), Some(target)) = (place, stays) {
                make_directories(&target)?;
                link_once(&target, without_slash(&link))?;
            }
        }
    }
    Ok(())
}

/// Makes the `locked_files` that are missing: a directory where the entry ends in `/`, else an
/// empty file. On one's own box all belongs to the same user, so nothing is locked.
///
/// # Errors
/// [`FileError`] naming the file.
pub(crate) fn make_locked_files(
    layout: &Layout,
    cartridge: &Utf8Path,
    managed: &ManagedFiles,
) -> Result<(), FileError> {
    for entry in managed.locked_files.iter().filter(|e| may_be_locked(e)) {
        let Some(path) = place(layout, cartridge, entry).filter(|_| !entry.contains('*')) else {
            continue;
        };
        if entry.ends_with('/') {
            make_directories(&path)?;
        } else if path.symlink_metadata().is_err() {
            if let Some(parent) = path.parent() {
                make_directories(parent)?;
            }
            files::write_unsynced(&path, b"", 0o644)?;
        }
    }
    Ok(())
}

/// Directories of the node's own are refused, and so is whatever starts with their names.
fn may_be_locked(entry: &str) -> bool {
    match entry.strip_prefix("~/") {
        Some(below) => {
            let refused = [".ssh", ".sandbox", ".tmp", ".env"];
            let hidden = below.starts_with('.') || below.starts_with("app-root/");
            hidden && !refused.iter().any(|r| below.starts_with(r))
        }
        None => true,
    }
}

fn make_directories(path: &Utf8Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|e| FileError::new("make", path, e))
}

/// The system would follow a link whose name ends in `/`.
fn without_slash(path: &Utf8Path) -> &Utf8Path {
    Utf8Path::new(path.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gear() -> (tempfile::TempDir, Layout, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().join("g");
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        let cartridge = layout.cartridge("tiny");
        for place in ["conf/a.erb", "conf/.b.erb", "conf/c.txt", "conf/deep/er/d.erb"] {
            let path = cartridge.join(place);
            make_directories(path.parent().unwrap()).unwrap();
            files::write_atomic(&path, b"", 0o644).unwrap();
        }
        (dir, layout, cartridge)
    }

    fn expanded(entry: &str) -> Vec<String> {
        let (_keep, layout, cartridge) = gear();
        expand(&layout, &cartridge, entry)
            .iter()
            .map(|p| p.strip_prefix(layout.home()).unwrap().to_string())
            .collect()
    }

    #[test]
    fn entries_are_names_or_patterns_and_stay_in_the_home() {
        assert_eq!(expanded("conf/*.erb"), ["tiny/conf/.b.erb", "tiny/conf/a.erb"]);
        assert_eq!(expanded("**/d.*"), ["tiny/conf/deep/er/d.erb"]);
        assert_eq!(expanded("conf/missing.erb"), ["tiny/conf/missing.erb"]);
        assert_eq!(expanded("~/.bashrc"), [".bashrc"]);
        assert!(expanded("../../etc/passwd").is_empty());
        assert!(expanded("/etc/passwd").is_empty());
    }

    #[test]
    fn dependencies_are_linked_to_what_travels_with_a_deployment() {
        let (_keep, layout, cartridge) = gear();
        let named = [("~/.m2".to_owned(), "maven".to_owned())];
        let managed = ManagedFiles {
            dependency_dirs: vec![
                Dependency::Same("virtenv/".into()),
                Dependency::Same("conf".into()),
                Dependency::Same("../../outside".into()),
            ],
            build_dependency_dirs: vec![Dependency::Named(named.into_iter().collect())],
            ..ManagedFiles::default()
        };
        link_dependencies(&layout, &cartridge, &managed).unwrap();
        link_dependencies(&layout, &cartridge, &managed).unwrap();
        let target = |link: Utf8PathBuf| link.read_link_utf8().unwrap();
        assert_eq!(target(cartridge.join("virtenv")), layout.dependencies().join("virtenv/"));
        let maven = layout.build_dependencies().join("maven");
        assert_eq!(target(layout.home().join(".m2")), maven);
        assert!(cartridge.join("conf/a.erb").is_file(), "what is there stays");
        assert!(!layout.home().parent().unwrap().join("outside").exists());
    }

    #[test]
    fn missing_locked_files_are_made_but_not_in_the_nodes_directories() {
        let (_keep, layout, cartridge) = gear();
        let entries = ["new/", "sub/file", "~/.profile", "~/.envision", "~/visible"];
        let managed = ManagedFiles {
            locked_files: entries.map(str::to_owned).to_vec(),
            ..ManagedFiles::default()
        };
        make_locked_files(&layout, &cartridge, &managed).unwrap();
        assert!(cartridge.join("new").is_dir() && cartridge.join("sub/file").is_file());
        assert!(layout.home().join(".profile").is_file());
        assert!(!layout.home().join(".envision").exists());
        assert!(!layout.home().join("visible").exists());
    }
}
