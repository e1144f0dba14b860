//! A gear: the directory tree that a node (or `gear`) makes for one application.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::given::env::{EnvError, GearEnv};

/// Where things are on a gear. Sources: node-contract.md, Gear layout and Environment.
#[derive(Clone, Debug)]
pub struct Gear {
    /// The home directory, `OPENSHIFT_HOMEDIR`.
    pub home: Utf8PathBuf,
    /// The application's code as it runs, `OPENSHIFT_REPO_DIR`.
    pub repo: Utf8PathBuf,
    /// What must survive everything, `OPENSHIFT_DATA_DIR`.
    pub data: Utf8PathBuf,
    /// Built dependencies, which travel with a deployment, `OPENSHIFT_DEPENDENCIES_DIR`.
    pub dependencies: Utf8PathBuf,
    /// The deployments kept, `OPENSHIFT_DEPLOYMENTS_DIR`.
    pub deployments: Utf8PathBuf,
    /// For temporary files, `OPENSHIFT_TMP_DIR`: on a node a `/tmp` of the gear's own.
    pub tmp: Utf8PathBuf,
    /// The application's host name, `OPENSHIFT_APP_DNS`, if it has one.
    pub dns: Option<String>,
    /// The gear's memory in bytes, from `OPENSHIFT_GEAR_MEMORY_MB`, if the node said it.
    pub memory: Option<u64>,
}

impl Gear {
    /// The gear that an environment describes.
    ///
    /// # Errors
    /// [`EnvError`] when `OPENSHIFT_HOMEDIR` is missing or a directory is not absolute.
    pub fn from_env(env: &GearEnv) -> Result<Self, EnvError> {
        let home = env.directory("OPENSHIFT_HOMEDIR")?;
        let or_default = |variable: &str, default: Utf8PathBuf| match env.directory(variable) {
            Err(EnvError::Missing { .. }) => Ok(default),
            other => other,
        };
        let megabytes = env.text("OPENSHIFT_GEAR_MEMORY_MB")?.and_then(|t| t.parse::<u64>().ok());
        Ok(Self {
            repo: or_default("OPENSHIFT_REPO_DIR", home.join("app-root/runtime/repo"))?,
            data: or_default("OPENSHIFT_DATA_DIR", home.join("app-root/data"))?,
            dependencies: or_default(
                "OPENSHIFT_DEPENDENCIES_DIR",
                home.join("app-root/runtime/dependencies"),
            )?,
            deployments: or_default("OPENSHIFT_DEPLOYMENTS_DIR", home.join("app-deployments"))?,
            tmp: or_default("OPENSHIFT_TMP_DIR", Utf8PathBuf::from("/tmp"))?,
            dns: env.text("OPENSHIFT_APP_DNS")?.map(str::to_owned),
            memory: megabytes.map(|m| m * 1024 * 1024),
            home,
        })
    }

    /// Metadata of the newest deployment: during a build that is the one being built, not
    /// `current` (node-contract.md, Build). One that was never activated counts as newer than those
    /// that were; beyond that names tell, which are times: a clock that was set back does not hide
    /// the one being built. `None` when there is none or it cannot be read.
    #[must_use]
    pub fn newest_deployment(&self) -> Option<DeploymentMetadata> {
        let is_deployment = |name: &str| name.starts_with(|c: char| c.is_ascii_digit());
        let directories = self.deployments.read_dir_utf8().ok()?.flatten();
        let (_, name, metadata) = directories
            .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
            .filter(|entry| is_deployment(entry.file_name()))
            .map(|entry| {
                let metadata = DeploymentMetadata::read(&entry.path().join("metadata.json"));
                let activated = metadata.as_ref().is_some_and(|m| !m.activations.is_empty());
                (!activated, entry.file_name().to_owned(), metadata)
            })
            .max_by_key(|(new, name, _)| (*new, name.clone()))?;
        metadata.map(|metadata| DeploymentMetadata { name, ..metadata })
    }
}

/// What the node wrote of a deployment (node-contract.md, Gear layout). Only what cartridges
/// read; the rest of the file is passed over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct DeploymentMetadata {
    /// The name of its directory, a time; it has one from its beginning to its end.
    #[serde(skip)]
    pub name: String,
    /// The deployment's id, 8 hexadecimal digits; it has none before it was built.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether the push carried the marker `hot_deploy`.
    #[serde(default)]
    pub hot_deploy: Option<bool>,
    /// Whether the push carried the marker `force_clean_build`.
    #[serde(default)]
    pub force_clean_build: Option<bool>,
    /// When it was activated, each time, in seconds since 1970.
    #[serde(default)]
    pub activations: Vec<f64>,
}

impl DeploymentMetadata {
    fn read(path: &Utf8Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_from_the_environment_or_the_layout() {
        let env = GearEnv::new()
            .with("OPENSHIFT_HOMEDIR", "/g/")
            .with("OPENSHIFT_REPO_DIR", "/elsewhere/repo/")
            .with("OPENSHIFT_GEAR_MEMORY_MB", "512");
        let gear = Gear::from_env(&env).unwrap();
        assert_eq!(gear.repo, "/elsewhere/repo");
        assert_eq!(gear.data, "/g/app-root/data");
        assert_eq!(gear.memory, Some(512 * 1024 * 1024));
        assert!(matches!(Gear::from_env(&GearEnv::new()), Err(EnvError::Missing { .. })));
    }

    /// A gear with deployments, each with its name, whether it is hot, and when it was activated.
    fn deployed(all: &[(&str, bool, &str)]) -> (tempfile::TempDir, Gear) {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap();
        for (name, hot, activations) in all {
            let deployment = home.join("app-deployments").join(name);
            std::fs::create_dir_all(&deployment).unwrap();
            let json = format!(
                "{{\"id\":\"0a1b2c3d\",\"hot_deploy\":{hot},\"activations\":[{activations}]}}"
            );
            crate::disk::files::write_atomic(
                &deployment.join("metadata.json"),
                json.as_bytes(),
                0o644,
            )
            .unwrap();
        }
        std::fs::create_dir(home.join("app-deployments/by-id")).unwrap();
        let gear =
            Gear::from_env(&GearEnv::new().with("OPENSHIFT_HOMEDIR", home.as_str())).unwrap();
        (dir, gear)
    }

    #[test]
    fn the_newest_deployment_counts_even_before_it_is_current() {
        let (_keep, gear) = deployed(&[
            ("2026-01-01_00-00-00.000", false, "1.5"),
            ("2026-02-01_00-00-00.000", true, "1.5, 2.5"),
        ]);
        let newest = gear.newest_deployment().unwrap();
        assert_eq!(
            (newest.hot_deploy, newest.name.as_str()),
            (Some(true), "2026-02-01_00-00-00.000")
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hide_the_deployment_being_built() {
        let (_keep, gear) = deployed(&[
            ("2026-02-01_00-00-00.000", true, ""),
            ("2036-01-01_00-00-00.000", false, "2082758400.5"),
        ]);
        assert_eq!(gear.newest_deployment().unwrap().hot_deploy, Some(true));
    }
}
