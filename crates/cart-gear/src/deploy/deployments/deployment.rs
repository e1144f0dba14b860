//! Deployments: what was built, kept beside what runs (node-contract.md, Gear layout and Build).

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::deployments::metadata::{self, Metadata};
use crate::deploy::deployments::parts::{CODE, PARTS, beside};
use crate::deploy::deployments::replaced_code;
use crate::layout::identity;
use crate::layout::paths::Layout;

/// What a push says about how it wants to be built: markers in `.openshift/markers/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// Build and deploy while the app runs.
    pub hot_deploy: bool,
    /// Build everything anew.
    pub force_clean_build: bool,
}

/// Where the markers are in a repository.
pub(crate) const MARKERS: &str = ".openshift/markers";

impl Markers {
    /// The markers among these names of files in the markers' directory.
    #[must_use]
    pub fn named(names: &[String]) -> Self {
        let marked = |name: &str| names.iter().any(|n| n == name);
        Self { hot_deploy: marked("hot_deploy"), force_clean_build: marked("force_clean_build") }
    }

    /// The markers of the code in `repo`.
    #[must_use]
    pub fn of(repo: &Utf8Path) -> Self {
        let marked = |name: &str| repo.join(MARKERS).join(name).exists();
        Self { hot_deploy: marked("hot_deploy"), force_clean_build: marked("force_clean_build") }
    }
}

/// A deployment on disk.
#[derive(Clone, Debug)]
pub struct Deployment {
    directory: Utf8PathBuf,
    metadata: Metadata,
}

impl Deployment {
    /// Makes the directory of a new deployment, which counts as the newest from now on. `git_ref`
    /// is what a person called the code, `sha` its commit if it has one.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be made.
    pub fn begin(
        layout: &Layout,
        markers: Markers,
        git_ref: &str,
        sha: Option<&str>,
    ) -> Result<Self, FileError> {
        let deployment = Self {
            directory: new_directory(layout)?,
            metadata: Metadata {
                git_ref: git_ref.to_owned(),
                git_sha1: sha.map(str::to_owned),
                hot_deploy: Some(markers.hot_deploy),
                force_clean_build: Some(markers.force_clean_build),
                ..Metadata::default()
            },
        };
        for part in PARTS {
            files::create_dir(&deployment.directory.join(part), 0o750)?;
        }
        deployment.metadata.write(&deployment.directory)?;
        Ok(deployment)
    }

    pub(crate) fn open(directory: Utf8PathBuf) -> Result<Self, FileError> {
        Ok(Self { metadata: Metadata::read(&directory)?, directory })
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Its name, which is the time of its making: `2026-01-31_23-59-59.999`, in UTC.
    #[must_use]
    pub fn name(&self) -> &str {
        self.directory.file_name().unwrap_or_default()
    }

    /// What is written down of it.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its id; empty until it is built.
    #[must_use]
    pub fn id(&self) -> &str {
        self.metadata.id.as_deref().unwrap_or_default()
    }

    /// Keeps what was built, under an id. Files that are as in the current deployment, with
    /// the same time, are that one's: dependencies as a rule, for each commit gives its files a new time.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied.
    pub fn record(&mut self, layout: &Layout) -> Result<(), FileError> {
        let former = layout.deployments().join("current");
        for part in PARTS {
            let built = layout.runtime().join(part);
            tree::copy_linking(&built, &self.directory.join(part), &former.join(part))?;
        }
        let id = identity::hexadecimal(8)?;
        replace_link(
            &format!("../{}", self.name()),
            &layout.deployments().join("by-id").join(&id),
        )?;
        self.metadata.id = Some(id);
        self.metadata.checksum = Some(metadata::checksum(&self.directory)?);
        self.metadata.write(&self.directory)
    }

    /// Puts its parts in the place of those in `app-root/runtime`, each at once. The code that was
    /// there stays beside it.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied or replaced.
    pub fn put_in_place(&self, layout: &Layout) -> Result<(), FileError> {
        self.put(&PARTS, layout)
    }

    /// As [`put_in_place`](Self::put_in_place), but for these of the [`PARTS`].
    pub(crate) fn put(&self, parts: &[&str], layout: &Layout) -> Result<(), FileError> {
        let beside = |part: &str| beside(layout, part);
        // All of them are there before the first is replaced: a full disk changes nothing.
        let laid_out = parts.iter().try_for_each(|part| {
            tree::discard(&beside(part))?;
            tree::copy(&self.directory.join(part), &beside(part), |_| false)
        });
        if laid_out.is_err() {
            // They would keep the room that is needed to go on.
            parts.iter().try_for_each(|part| tree::discard(&beside(part)))?;
        }
        laid_out?;
        for part in parts {
            if *part == CODE {
                replaced_code::replace(layout)?;
            } else {
                tree::exchange(&beside(part), &layout.runtime().join(part))?;
            }
        }
        parts.iter().try_for_each(|part| tree::discard(&beside(part)))
    }

    /// Makes this deployment the current one; others are not removed.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be changed; the current one is what it was then, and this
    /// one may have an activation too many.
    pub fn activate(&mut self, layout: &Layout) -> Result<(), FileError> {
        self.activate_after(self.activations(), layout)
    }

    /// As [`activate`](Self::activate), when it had been in place `count` times before; may be done
    /// again.
    pub(crate) fn activate_after(
        &mut self,
        count: usize,
        layout: &Layout,
    ) -> Result<(), FileError> {
        // First, because what the link leads to has been in place for whoever comes after a kill.
        if self.activations() <= count {
            self.note_activation()?;
        }
        replace_link(self.name(), &layout.deployments().join("current"))
    }

    /// Notes that it is in place from now on.
    fn note_activation(&mut self) -> Result<(), FileError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.metadata.activations.push(now.unwrap_or_default().as_secs_f64());
        self.metadata.write(&self.directory)
    }

    /// As often it has been in place.
    pub(crate) fn activations(&self) -> usize {
        self.metadata.activations.len()
    }

    /// Forgets all activations but the first `count`: those after them did not come about.
    pub(crate) fn keep_activations(&mut self, count: usize) -> Result<(), FileError> {
        if self.activations() <= count {
            return Ok(());
        }
        self.metadata.activations.truncate(count);
        self.metadata.write(&self.directory)
    }

    /// Forgets activations up to this time, which is that of a deployment that is gone.
    pub(crate) fn forget_activations(&mut self, until: f64) -> Result<(), FileError> {
        let before = self.metadata.activations.len();
        self.metadata.activations.retain(|activation| *activation > until);
        if self.metadata.activations.len() == before {
            return Ok(());
        }
        self.metadata.write(&self.directory)
    }

    /// Removes a deployment, one whose build failed for example.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be removed.
    pub fn discard(self, layout: &Layout) -> Result<(), FileError> {
        if !self.id().is_empty() {
            tree::remove(&layout.deployments().join("by-id").join(self.id()))?;
        }
        tree::remove(&self.directory)
    }
}

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
    let time = humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string();
    time.trim_end_matches('Z').replace('T', "_").replace(':', "-")
}

/// Makes or replaces a symbolic link in one step.
fn replace_link(target: &str, link: &Utf8Path) -> Result<(), FileError> {
    let failed = |source| FileError::new("make the link", link, source);
    let beside = Utf8PathBuf::from(format!("{link}.new"));
    files::remove_if_exists(&beside)?;
    symlink(target, &beside).map_err(failed)?;
    std::fs::rename(&beside, link).map_err(failed)
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
        let mut first = Deployment::begin(&layout, Markers::default(), "master", None).unwrap();
        first.record(&layout).unwrap();
        first.activate(&layout).unwrap();
        crate::deploy::deployments::kept::prune(&layout).unwrap();
        let mut second = Deployment::begin(&layout, markers, "master", None).unwrap();
        let home = layout.home().as_str();
        let gear = Gear::from_env(&GearEnv::new().with("OPENSHIFT_HOMEDIR", home)).unwrap();
        assert_eq!(gear.newest_deployment().unwrap().hot_deploy, Some(true));
        second.record(&layout).unwrap();
        second.activate(&layout).unwrap();
        crate::deploy::deployments::kept::prune(&layout).unwrap();
        let id = gear.newest_deployment().unwrap().id.unwrap();
        let by_id = layout.deployments().join("by-id").join(id);
        assert!(by_id.join("repo/app.py").is_file());
        assert!(layout.deployments().join("current/repo/app.py").is_file());
        let count = |directory: Utf8PathBuf| directory.read_dir_utf8().unwrap().count();
        assert_eq!(count(layout.deployments()), 3, "one, by-id, current");
        assert_eq!(count(layout.deployments().join("by-id")), 1);
    }

    #[test]
    fn what_cannot_be_noted_as_activated_does_not_become_current() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Utf8Path::from_path(dir.path()).unwrap().join("g"), "u");
        layout.create().unwrap();
        let mut first = Deployment::begin(&layout, Markers::default(), "master", None).unwrap();
        first.activate(&layout).unwrap();
        let mut second = Deployment::begin(&layout, Markers::default(), "master", None).unwrap();
        tree::remove(second.directory()).unwrap();
        second.activate(&layout).unwrap_err();
        let current = || layout.deployments().join("current").read_link_utf8().unwrap();
        assert_eq!(current(), first.name());
        first.activate(&layout).unwrap();
        first.keep_activations(1).unwrap();
        first.activate_after(1, &layout).unwrap();
        first.activate_after(1, &layout).unwrap();
        assert_eq!(Deployment::open(first.directory).unwrap().activations(), 2);
    }

    #[test]
    fn what_was_kept_is_put_in_place_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Utf8Path::from_path(dir.path()).unwrap().join("g"), "u");
        layout.create().unwrap();
        let app = layout.repo().join("app.py");
        files::write_atomic(&app, b"1", 0o644).unwrap();
        let mut first = Deployment::begin(&layout, Markers::default(), "v1", Some("ab")).unwrap();
        first.record(&layout).unwrap();
        files::write_atomic(&app, b"2", 0o644).unwrap();
        files::write_atomic(&layout.dependencies().join("new"), b"", 0o644).unwrap();
        first.put_in_place(&layout).unwrap();
        replaced_code::tidy(&layout).unwrap();
        assert_eq!(std::fs::read(&app).unwrap(), b"1");
        assert!(!layout.dependencies().join("new").exists());
        let names: Vec<String> = layout
            .runtime()
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert!(names.is_empty(), "{names:?}");
        // What cannot be copied wholly leaves nothing behind that takes room.
        files::write_atomic(&app, b"3", 0o644).unwrap();
        tree::remove(&first.directory.join("dependencies")).unwrap();
        first.put_in_place(&layout).unwrap_err();
        assert_eq!(std::fs::read(&app).unwrap(), b"3");
        assert!(PARTS.iter().all(|part| !beside(&layout, part).exists()));
        let by_id = layout.deployments().join("by-id").join(first.id());
        first.discard(&layout).unwrap();
        assert!(by_id.symlink_metadata().is_err());
    }
}
