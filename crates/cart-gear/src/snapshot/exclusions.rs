//! What a snapshot leaves out (node-contract.md, Snapshot, restore).

use camino::Utf8Path;
use cart_core::glob::matches;
use cart_core::managed_files::ManagedFiles;

use crate::layout::managed;
use crate::layout::paths::Layout;

/// What a node leaves out of every snapshot. `*` stands for any characters, slashes among them,
/// as it does for `tar --exclude`.
const ALWAYS: [&str; 13] = [
    ".tmp",
    ".ssh",
    ".sandbox",
    "*/conf.d/openshift.conf",
    "*/run/httpd.pid",
    "haproxy*/run/stats",
    "app-root/runtime/.state",
    "app-root/runtime/.preupgrade_state",
    "app-root/runtime/.upgrade_itinerary",
    "app-root/runtime/.upgrade_complete*",
    "app-root/runtime/repo",
    "app-root/runtime/dependencies",
    "app-root/runtime/build-dependencies",
];

/// What a node has in its own places and not in a gear's home.
const NOT_OF_A_NODE: [&str; 8] = [
    ".gear.json",
    ".gear-deploying.json",
    ".gear-script.json",
    ".gear-push.json",
    ".restore*",
    "app-root/runtime/.stop_lock.spare",
    "app-root/runtime/.repo.*",
    "app-root/runtime/.*dependencies.new*",
];

/// The paths that a snapshot leaves out, with all that is below them; by default those of every gear.
#[derive(Clone, Debug, Default)]
pub(super) struct Exclusions {
    /// Relative to the gear's home.
    of_cartridge: Vec<Vec<u8>>,
}

impl Exclusions {
    /// Those of every gear and those that the cartridge in `directory` asks for; with a remark for
    /// each entry of `snapshot_exclusions` that excludes nothing because it ends in a slash.
    #[must_use]
    pub(super) fn of(
        layout: &Layout,
        directory: &Utf8Path,
        managed: &ManagedFiles,
    ) -> (Self, Vec<String>) {
        let mut of_cartridge = Vec::new();
        let mut remarks = Vec::new();
        for entry in managed.snapshot_exclusions.iter().map(|entry| entry.trim()) {
            if entry.ends_with('/') {
                remarks.push(format!(
                    "snapshot_exclusions of the cartridge: {entry:?} excludes nothing, because it ends in a slash: write {:?}",
                    entry.trim_end_matches('/')
                ));
                continue;
            }
            for path in managed::expand(layout, directory, entry) {
                if let Ok(below) = path.strip_prefix(layout.home()) {
                    of_cartridge.push(below.as_str().as_bytes().to_vec());
                }
            }
        }
        (Self { of_cartridge }, remarks)
    }

    /// Whether `below`, a path relative to the gear's home, is left out itself.
    #[must_use]
    pub(super) fn contain(&self, below: &[u8]) -> bool {
        ALWAYS.iter().any(|pattern| matches(pattern.as_bytes(), below))
            || NOT_OF_A_NODE.iter().any(|pattern| matches(pattern.as_bytes(), below))
            || self.of_cartridge.iter().any(|path| path == below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    #[test]
    fn what_a_node_leaves_out_is_left_out_wherever_a_star_allows_it() {
        let all = Exclusions::default();
        for out in [
            ".tmp",
            "app-root/runtime/repo",
            "app-root/runtime/.upgrade_complete_python",
            "php/conf.d/openshift.conf",
            "php/deep/er/run/httpd.pid",
            "haproxy-1.4/run/stats",
            ".gear.json",
            "app-root/runtime/.repo.old.0",
            "app-root/runtime/.build-dependencies.new",
        ] {
            assert!(all.contain(out.as_bytes()), "{out}");
        }
        for kept in [".env", "app-root/data", "app-root/repo", "conf.d/openshift.conf", ".tmpfile"]
        {
            assert!(!all.contain(kept.as_bytes()), "{kept}");
        }
    }

    #[test]
    fn entries_of_a_cartridge_are_names_or_patterns_and_a_trailing_slash_is_remarked() {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().join("g");
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        let cartridge = layout.cartridge("Tiny");
        std::fs::create_dir_all(cartridge.join("logs")).unwrap();
        files::write_atomic(&cartridge.join("logs/a.log"), b"", 0o644).unwrap();
        let entries = ["run", "logs/*.log", "~/app-root/data/cache", "cache/", "../../etc"];
        let managed = ManagedFiles {
            snapshot_exclusions: entries.map(str::to_owned).to_vec(),
            ..ManagedFiles::default()
        };
        let (found, remarks) = Exclusions::of(&layout, &cartridge, &managed);
        for out in ["tiny/run", "tiny/logs/a.log", "app-root/data/cache"] {
            assert!(found.contain(out.as_bytes()), "{out}");
        }
        for kept in ["tiny/cache", "tiny/logs", "tiny/logs/b.log"] {
            assert!(!found.contain(kept.as_bytes()), "{kept}");
        }
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].contains("\"cache/\"") && remarks[0].contains("write \"cache\""));
    }
}
