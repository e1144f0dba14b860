//! Deployments: what was built, kept beside what runs (node-contract.md, Gear layout and Build).

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use serde::Serialize;

use crate::identity;
use crate::layout::Layout;
use crate::tree;

/// What a push says about how it wants to be built: markers in `.openshift/markers/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// Build and deploy while the app runs.
    pub hot_deploy: bool,
    /// Build everything anew.
    pub force_clean_build: bool,
}

impl Markers {
    /// The markers of the code in `repo`.
    #[must_use]
    pub fn of(repo: &Utf8Path) -> Self {
        let marked = |name: &str| repo.join(".openshift/markers").join(name).exists();
        Self { hot_deploy: marked("hot_deploy"), force_clean_build: marked("force_clean_build") }
    }
}

/// A deployment that is being built.
#[derive(Debug)]
pub struct Deployment {
    directory: Utf8PathBuf,
    metadata: Metadata,
}

/// `metadata.json`, in one line.
#[derive(Debug, Serialize)]
struct Metadata {
    git_ref: String,
    git_sha1: Option<String>,
    id: Option<String>,
    hot_deploy: bool,
    force_clean_build: bool,
    activations: Vec<f64>,
    checksum: Option<String>,
}

impl Deployment {
    /// Makes the directory of a new deployment, which counts as the newest from now on.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be made.
    pub fn begin(layout: &Layout, markers: Markers) -> Result<Self, FileError> {
        let deployment = Self {
            directory: new_directory(layout)?,
            metadata: Metadata {
                git_ref: "master".to_owned(),
                git_sha1: None,
                id: None,
                hot_deploy: markers.hot_deploy,
                force_clean_build: markers.force_clean_build,
                activations: Vec::new(),
                checksum: None,
            },
        };
        for part in PARTS {
            files::create_dir(&deployment.directory.join(part), 0o750)?;
        }
        deployment.write()?;
        Ok(deployment)
    }

    /// Keeps what was built, under an id.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied.
    pub fn record(&mut self, layout: &Layout) -> Result<(), FileError> {
        for part in PARTS {
            let built = layout.runtime().join(part);
            tree::copy(&built, &self.directory.join(part), |_| false)?;
        }
        let id = identity::hexadecimal(8)?;
        let name = self.directory.file_name().unwrap_or_default();
        replace_link(&format!("../{name}"), &layout.deployments().join("by-id").join(&id))?;
        self.metadata.id = Some(id);
        self.write()
    }

    /// Makes this deployment the current one; older ones go, since one is kept.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be changed.
    pub fn activate(&mut self, layout: &Layout) -> Result<(), FileError> {
        let name = self.directory.file_name().unwrap_or_default();
        replace_link(name, &layout.deployments().join("current"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.metadata.activations.push(now.unwrap_or_default().as_secs_f64());
        self.write()?;
        self.remove_others(layout)
    }

    /// Removes a deployment whose build failed.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be removed.
    pub fn discard(self) -> Result<(), FileError> {
        tree::remove(&self.directory)
    }

    fn remove_others(&self, layout: &Layout) -> Result<(), FileError> {
        let all = layout.deployments();
        for path in list(&all)? {
            let is_deployment =
                path.file_name().is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
            if is_deployment && path != self.directory {
                tree::remove(&path)?;
            }
        }
        for link in list(&all.join("by-id"))? {
            if !link.exists() {
                tree::remove(&link)?;
            }
        }
        Ok(())
    }

    fn write(&self) -> Result<(), FileError> {
        let path = self.directory.join("metadata.json");
        let json = serde_json::to_vec(&self.metadata)
            .map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o640)
    }
}

const PARTS: [&str; 3] = ["repo", "dependencies", "build-dependencies"];

/// Names are times to the millisecond; two deployments in the same one get different names.
fn new_directory(layout: &Layout) -> Result<Utf8PathBuf, FileError> {
    let mut time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    loop {
        let directory = layout.deployments().join(name_at(time));
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                time += Duration::from_millis(1);
            }
            Err(e) => return Err(FileError::new("make", &directory, e)),
        }
    }
}

/// `%Y-%m-%d_%H-%M-%S.%L`, in UTC so that names sort by time across a change of the clock.
fn name_at(since_epoch: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let (seconds, milliseconds) = (since_epoch.as_secs(), since_epoch.subsec_millis());
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}_{hour:02}-{minute:02}-{second:02}.{milliseconds:03}")
}

/// Year, month and day of the day that is `days` after 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

/// Makes or replaces a symbolic link in one step.
fn replace_link(target: &str, link: &Utf8Path) -> Result<(), FileError> {
    let failed = |source| FileError::new("make the link", link, source);
    let beside = Utf8PathBuf::from(format!("{link}.new"));
    files::remove_if_exists(&beside)?;
    symlink(target, &beside).map_err(failed)?;
    std::fs::rename(&beside, link).map_err(failed)
}

fn list(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let failed = |source| FileError::new("list", directory, source);
    directory
        .read_dir_utf8()
        .map_err(failed)?
        .map(|entry| Ok(entry.map_err(failed)?.path().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::{Gear, GearEnv};

    #[test]
    fn names_are_times_in_utc() {
        let at = |seconds, milliseconds| {
            name_at(Duration::from_secs(seconds) + Duration::from_millis(milliseconds))
        };
        assert_eq!(at(0, 0), "1970-01-01_00-00-00.000");
        assert_eq!(at(951_782_400, 7), "2000-02-29_00-00-00.007");
        assert_eq!(at(1_735_689_599, 999), "2024-12-31_23-59-59.999");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01_00-00-00.000");
    }

    #[test]
    fn a_recorded_deployment_is_found_as_cartridges_find_it_and_one_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Utf8Path::from_path(dir.path()).unwrap().join("g"), "u");
        layout.create().unwrap();
        files::write_atomic(&layout.repo().join("app.py"), b"1", 0o644).unwrap();
        let markers = Markers { hot_deploy: true, force_clean_build: false };
        let mut first = Deployment::begin(&layout, Markers::default()).unwrap();
        first.record(&layout).unwrap();
        first.activate(&layout).unwrap();
        let mut second = Deployment::begin(&layout, markers).unwrap();
        let home = layout.home().as_str();
        let gear = Gear::from_env(&GearEnv::new().with("OPENSHIFT_HOMEDIR", home)).unwrap();
        assert_eq!(gear.newest_deployment().unwrap().hot_deploy, Some(true));
        second.record(&layout).unwrap();
        second.activate(&layout).unwrap();
        let id = gear.newest_deployment().unwrap().id.unwrap();
        let by_id = layout.deployments().join("by-id").join(id);
        assert!(by_id.join("repo/app.py").is_file());
        assert!(layout.deployments().join("current/repo/app.py").is_file());
        assert_eq!(list(&layout.deployments()).unwrap().len(), 3, "one, by-id, current");
        assert_eq!(list(&layout.deployments().join("by-id")).unwrap().len(), 1);
    }
}
