//! Restoring a gear from a snapshot, its own or another gear's: checked and laid out beside what is
//! there, then put in its place (node-contract.md, Snapshot, restore).
//!
//! A node runs the steps in this order: stop, `pre-restore`, data, deployments and repository,
//! `post-restore`, activation of the current deployment, the state as it was before.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::git::{Git, Repository};
use crate::deploy::recovery::exchanged;
use crate::deploy::recovery::exchanged::STAGING;
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::state::{Marks, State};
use crate::scripts::progress::{Caller, OnlyErrors, Progress, noticed};
use crate::snapshot::names::Selection;
use crate::snapshot::restored_deployment::{self, Current};
use crate::snapshot::transforms::Transforms;
use crate::snapshot::unpack;

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
    /// [`GearError`], whose text tells whether the gear is as it was.
    pub fn restore(
        &mut self,
        archive: &mut dyn Read,
        repository: RestoredRepository,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.recover(progress).map_err(unchanged)?;
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
    ) -> Result<(), GearError> {
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
        noticed(unfinished.keep_what_is(&self.layout), progress);
        // Also when that failed: a gear that should not run is not started by a snapshot, and one
        // that should run is not left in the middle of a deployment.
        let stop_lock = stopped || self.layout.stop_lock().exists();
        Marks { state: unfinished.state, stop_lock }.set(&self.layout)?;
        let rests = if ran || current == Current::Missing {
            Ok(())
        } else {
            self.control("stop", progress).map(drop)
        };
        changed.and(rests).map_err(|error| {
            // What the script said of it has been shown as it came.
            let why = error.summary();
            error.saying(format!(
                "data and code are restored, but the app is not running them: {why}"
            ))
        })
    }

    fn lay_out(
        &self,
        archive: &mut dyn Read,
        repository: RestoredRepository,
        staging: &Utf8Path,
        progress: &mut dyn Progress,
    ) -> Result<Current, GearError> {
        progress.step("reading the snapshot", Caller::Control);
        let expressions = self.cartridge().map(|c| c.managed.restore_transforms.as_slice());
        let env = self.environment()?;
        let transforms = Transforms::read(expressions.unwrap_or_default(), &env);
        let transforms = transforms.map_err(unchanged)?;
        let git = repository == RestoredRepository::Restored;
        let selection = Selection { git, about: false, gear: self.name(), transforms: &transforms };
        let remarks = unpack::unpack(archive, staging, &selection, &self.runner.interrupts);
        remarks.map_err(unchanged)?.iter().for_each(|remark| progress.notice(remark));
        let repository = staging.join(self.repository_below());
        if repository.is_dir() {
            self.set_up_repository(repository).map_err(|error| {
                unchanged(error.saying(format!(
                    "its git repository is of no use (--no-git leaves the gear's own): {error}"
                )))
            })?;
        }
        restored_deployment::check(&staging.join("app-deployments")).map_err(unchanged)
    }

    /// The gear's repository, relative to its home.
    fn repository_below(&self) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("git/{}.git", self.name()))
    }

    /// Gives a repository from a snapshot what is the gear's own of one.
    fn set_up_repository(&self, path: Utf8PathBuf) -> Result<(), GearError> {
        let hooks = self.layout.home().join(self.repository_below()).join("hooks");
        if hooks.is_dir() {
            tree::copy(&hooks, &path.join("hooks"), |_| false)?;
        }
        Repository::at(path, Git::find(&self.environment()?)?).write_settings()
    }

    fn put_in_place(
        &self,
        ran: bool,
        staging: &Utf8Path,
        current: Current,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.quiesce(ran, progress)
            .and_then(|()| self.control_alone("pre-restore", &mut OnlyErrors(progress)))
            .map_err(|error| {
                error.saying(format!("the snapshot is not restored: {}", error.summary()))
            })?;
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
    ) -> Result<(), GearError> {
        self.control_alone("post-restore", &mut OnlyErrors(progress))?;
        if current == Current::Missing {
            progress.notice(
                "The snapshot holds no deployment that was ever activated: the app's code is what it was",
            );
            return if ran { self.resume(progress) } else { Ok(()) };
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

/// Before anything is put in place.
fn unchanged(error: GearError) -> GearError {
    error.saying(format!("the snapshot is not restored, and nothing was changed: {error}"))
}
