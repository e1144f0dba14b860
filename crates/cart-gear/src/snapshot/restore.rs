//! Restoring a gear from a snapshot, its own or another gear's: checked and laid out beside what is
//! there, then put in its place (node-contract.md, Snapshot, restore).
//!
//! A node runs the steps in this order: stop, `pre-restore`, data, deployments and repository,
//! `post-restore`, activation of the current deployment, the state as it was before.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::error::BuildError;
use crate::deploy::git::{Git, Repository};
use crate::deploy::recovery::exchanged;
use crate::deploy::recovery::exchanged::STAGING;
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::state::{Marks, State};
use crate::scripts::progress::{Caller, OnlyErrors, Progress};
use crate::scripts::run::HookError;
use crate::snapshot::names::Selection;
use crate::snapshot::restored_deployment::{self, Current};
use crate::snapshot::transforms::{TransformError, Transforms};
use crate::snapshot::unpack::{self, UnpackError};

/// What becomes of a gear's git repository in a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredRepository {
    /// The snapshot's takes its place. The gear's own hooks stay.
    Restored,
    /// It stays as it is.
    Kept,
}

impl GearOnDisk {
    /// Restores data, deployments and, if asked for, the git repository from `archive`, a
    /// `.tar.gz` of this or a node's making. While it is read the app serves on, and nothing is
    /// changed unless all of it is in order. Cartridge, logs and variables stay what they are.
    ///
    /// # Errors
    /// [`RestoreError`]; its [`is_untouched`](RestoreError::is_untouched) tells whether the gear is
    /// as it was.
    pub fn restore(
        &mut self,
        archive: &mut dyn Read,
        repository: RestoredRepository,
        progress: &mut dyn Progress,
    ) -> Result<(), RestoreError> {
        self.recover(progress).map_err(RestoreError::Recover)?;
        let staging = Staging::make(self.layout().home())?;
        let current = self.lay_out(archive, repository, &staging.0, progress)?;
        let mut unfinished = Unfinished::of(&self.layout);
        self.begin_pause(&mut unfinished)?;
        let outcome = self.restore_from(&staging.0, current, &mut unfinished, progress);
        if unfinished.is_half_exchanged(&self.layout) {
            // The next command on the gear tries again to put back what lies there.
            staging.keep();
        } else {
            self.end_of(progress);
        }
        outcome
    }

    fn restore_from(
        &mut self,
        staging: &Utf8Path,
        current: Current,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), RestoreError> {
        let stopped = self.layout.stop_lock().exists();
        let ran = unfinished.state == State::Started && !stopped;
        if let Err(error) = self.put_in_place(ran, staging, current, unfinished, progress) {
            if ran && let Err(start) = self.resume(progress) {
                progress.notice(&format!("It could not be started again: {}", start.summary()));
            }
            return Err(error);
        }
        let changed = self.after_change(ran, current, unfinished, progress);
        // From here on what is restored is what there is, and a kill changes nothing of it.
        if let Err(error) = unfinished.keep_what_is(&self.layout) {
            progress.notice(&error.to_string());
        }
        // Also when that failed: a gear that should not run is not started by a snapshot, and one
        // that should run is not left in the middle of a deployment.
        let stop_lock = stopped || self.layout.stop_lock().exists();
        Marks { state: unfinished.state, stop_lock }.set(&self.layout)?;
        let rests = if ran || current == Current::Missing {
            Ok(())
        } else {
            self.control("stop", progress).map(drop).map_err(BuildError::from)
        };
        changed.and(rests).map_err(RestoreError::Afterwards)
    }

    fn lay_out(
        &self,
        archive: &mut dyn Read,
        repository: RestoredRepository,
        staging: &Utf8Path,
        progress: &mut dyn Progress,
    ) -> Result<Current, RestoreError> {
        progress.step("reading the snapshot", Caller::Control);
        let expressions = self.cartridge().map(|c| c.managed.restore_transforms.as_slice());
        let transforms = Transforms::read(expressions.unwrap_or_default(), &self.environment()?)?;
        let git = repository == RestoredRepository::Restored;
        let selection = Selection { git, gear: self.name(), transforms: &transforms };
        let remarks = unpack::unpack(archive, staging, &selection, &self.runner.interrupts)?;
        remarks.iter().for_each(|remark| progress.notice(remark));
        let repository = staging.join(self.repository_below());
        if repository.is_dir() {
            self.set_up_repository(repository).map_err(RestoreError::Repository)?;
        }
        Ok(restored_deployment::check(&staging.join("app-deployments"))?)
    }

    /// The gear's repository, relative to its home.
    fn repository_below(&self) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("git/{}.git", self.name()))
    }

    /// Gives a repository from a snapshot what is the gear's own of one.
    fn set_up_repository(&self, path: Utf8PathBuf) -> Result<(), BuildError> {
        let hooks = self.layout.home().join(self.repository_below()).join("hooks");
        if hooks.is_dir() {
            tree::copy(&hooks, &path.join("hooks"), |_| false)?;
        }
        Ok(Repository::at(path, Git::find(&self.environment()?)?).write_settings()?)
    }

    fn put_in_place(
        &self,
        ran: bool,
        staging: &Utf8Path,
        current: Current,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), RestoreError> {
        self.quiesce(ran, progress)?;
        self.control_alone("pre-restore", &mut OnlyErrors(progress))?;
        let home = self.layout().home();
        let mut parts = vec![Utf8PathBuf::from("app-root/data")];
        if current == Current::There {
            parts.push("app-deployments".into());
        }
        let repository = self.repository_below();
        if staging.join(&repository).is_dir() {
            files::create_dir(&home.join("git"), 0o750)?;
            parts.push(repository);
        }
        Ok(unfinished.exchange(parts, &self.layout)?)
    }

    /// What comes after the point of no return.
    fn after_change(
        &mut self,
        ran: bool,
        current: Current,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        self.control_alone("post-restore", &mut OnlyErrors(progress))?;
        if current == Current::Missing {
            progress.notice(
                "The snapshot holds no deployment that was ever activated: the app's code is what it was",
            );
            return if ran { Ok(self.resume(progress)?) } else { Ok(()) };
        }
        self.activate_current(unfinished, progress)
    }
}

/// Where a snapshot is laid out: in the gear's home, so that renaming is all that is left to do,
/// and gone when the gear is.
struct Staging(Utf8PathBuf);

impl Staging {
    fn keep(self) {
        std::mem::forget(self);
    }

    fn make(home: &Utf8Path) -> Result<Self, FileError> {
        let path = home.join(STAGING);
        if tree::remove(&path).is_err() {
            // It is listed, and keeps nobody from restoring.
            exchanged::keep_aside(home)?;
        }
        files::create_dir(&path, 0o700)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left of it is listed; the next restore removes it, and so does the end of the gear.
        let _ = tree::remove(&self.0);
    }
}

/// A restore that failed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The snapshot.
    #[error("the snapshot is not restored, and nothing was changed: {0}")]
    Snapshot(#[from] UnpackError),
    /// The cartridge.
    #[error("the snapshot is not restored, and nothing was changed: {0}")]
    Transform(#[from] TransformError),
    /// What a kill left could not be put right.
    #[error("the snapshot is not restored, and nothing was changed: {0}")]
    Recover(#[source] BuildError),
    /// The repository is none that git works on.
    #[error(
        "the snapshot is not restored, and nothing was changed: its git repository is of no use (--no-git leaves the gear's own): {0}"
    )]
    Repository(#[source] BuildError),
    /// A script failed before anything was put in place.
    #[error("the snapshot is not restored: {}", .0.summary())]
    Before(#[from] HookError),
    /// Everything is in its place, and a script failed.
    #[error("data and code are restored, but the app is not running them: {}", short(.0))]
    Afterwards(#[source] BuildError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What the script said of it has been shown as it came.
fn short(error: &BuildError) -> String {
    match error {
        BuildError::Hook(error) => error.summary(),
        other => other.to_string(),
    }
}

impl RestoreError {
    /// Whether the gear has the data, the code and the repository that it had before.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        !matches!(self, Self::Afterwards(_))
    }
}
