//! `metadata/managed_files.yml`: files that the node touches for the cartridge (node-contract.md,
//! managed_files.yml).

use camino::Utf8Path;
use serde::Deserialize;

use crate::disk::files;
use crate::given::manifest::{self, ManifestError};

/// The lists of `managed_files.yml` that matter when a cartridge is put on a gear.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct ManagedFiles {
    /// Owned by root while no hook of the life cycle runs.
    #[serde(default)]
    pub locked_files: Vec<String>,
    /// `.erb` files that the node renders between `setup` and `install`.
    #[serde(default)]
    pub processed_templates: Vec<String>,
    /// Removed before `setup` runs again in an incompatible upgrade.
    #[serde(default)]
    pub setup_rewritten: Vec<String>,
    /// Directories that travel with a deployment, as links into `OPENSHIFT_DEPENDENCIES_DIR`.
    #[serde(default)]
    pub dependency_dirs: Vec<Dependency>,
    /// The same for `OPENSHIFT_BUILD_DEPENDENCIES_DIR`.
    #[serde(default)]
    pub build_dependency_dirs: Vec<Dependency>,
    /// Left out of snapshots.
    #[serde(default)]
    pub snapshot_exclusions: Vec<String>,
    /// Left out of images of apps, which are built before: what only a build needs. Nodes know nothing of it.
    #[serde(default)]
    pub image_exclusions: Vec<String>,
    /// Expressions as of `sed` over the names in a snapshot that is restored.
    #[serde(default)]
    pub restore_transforms: Vec<String>,
}

/// One directory of dependencies: `link`, or `link: target`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Dependency {
    /// Link and target have the same name.
    Same(String),
    /// The link points to a target of another name.
    Named(std::collections::BTreeMap<String, String>),
}

impl Dependency {
    /// Pairs of the link, relative to the cartridge's directory, and the target, relative to the
    /// directory of dependencies.
    #[must_use]
    pub fn links(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Same(name) => vec![(name, name)],
            Self::Named(map) => map.iter().map(|(l, t)| (l.as_str(), t.as_str())).collect(),
        }
    }
}

impl ManagedFiles {
    /// Reads the file of the cartridge in `directory`; a cartridge without one has empty lists.
    ///
    /// # Errors
    /// [`ManifestError`] naming the file, and the line where it is wrong.
    pub fn read(directory: &Utf8Path) -> Result<Self, ManifestError> {
        let path = directory.join("metadata/managed_files.yml");
        let Some(bytes) = files::read_if_exists(&path)? else {
            return Ok(Self::default());
        };
        manifest::parse(&path, &with_plain_keys(&String::from_utf8_lossy(&bytes)), "is wrong")
    }
}

/// Keys may be written as Ruby symbols (`:locked_files:`); the colon in front goes.
pub(crate) fn with_plain_keys(text: &str) -> String {
    text.lines()
        .map(|line| line.strip_prefix(':').unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ManagedFiles, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        files::create_dir(&path.join("metadata"), 0o755).unwrap();
        files::write_atomic(&path.join("metadata/managed_files.yml"), text.as_bytes(), 0o644)
            .unwrap();
        ManagedFiles::read(path)
    }

    #[test]
    fn symbols_strings_and_both_forms_of_dependencies_are_read() {
        let managed = read(
            "---\n:locked_files:\n- env/\ndependency_dirs:\n- virtenv\n- link: other/target\n\
             restore_transforms:\n- s|a|b|\n",
        )
        .unwrap();
        assert_eq!(managed.locked_files, ["env/"]);
        let links: Vec<_> = managed.dependency_dirs.iter().flat_map(Dependency::links).collect();
        assert_eq!(links, [("virtenv", "virtenv"), ("link", "other/target")]);
    }

    #[test]
    fn no_file_is_empty_lists_and_a_wrong_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = ManagedFiles::read(Utf8Path::from_path(dir.path()).unwrap()).unwrap();
        assert_eq!(nothing, ManagedFiles::default());
        let error = read("locked_files: 7\n").unwrap_err().to_string();
        assert!(error.contains("managed_files.yml is wrong: "), "{error}");
    }
}
