//! Whether a deployment stays that serves already although the branch has yet to move: that is git's
//! decision.

use std::time::Duration;

use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use cart_core::wait;

use crate::deploy::deployments;
use crate::deploy::recovery::pending::{Pending, decided_file};
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::scripts::progress::{Progress, noticed};

/// How long git may take from the end of `pre-receive` until the branch has moved.
const DECIDING: Duration = Duration::from_secs(60);

impl GearOnDisk {
    /// git's process that has yet to move the branch to what serves, if there is one. The gear's lock
    /// is not needed.
    #[must_use]
    pub fn undecided(&self) -> Option<ProcessId> {
        // What cannot be read is told to whoever works on the gear.
        Unfinished::read(&self.layout).ok().flatten()?.pending?.git
    }

    /// Waits until `git` has ended, or has had a minute for its decision, or somebody else has waited
    /// for that: `post-receive` as a rule, which tells the pusher.
    pub fn wait_for_end(&self, git: ProcessId) {
        let over = || git.has_ended() || self.undecided() != Some(git);
        let _ = wait::until(DECIDING, || over().then_some(()));
    }

    /// Notes that `git` has decided, although it runs on: it has come to `post-receive`. The gear's
    /// lock is not needed, for whoever has it may be waiting for this.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn note_decided(&self, git: ProcessId) -> Result<(), FileError> {
        if self.undecided() != Some(git) {
            return Ok(());
        }
        let path = decided_file(&self.layout);
        let json =
            serde_json::to_vec(&git).map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o600)
    }

    /// Whether the branch has moved to what is deployed. Waits until git has decided.
    pub(crate) fn is_accepted(&self, pending: &Pending) -> Result<bool, GearError> {
        let Some(repository) = self.repository_if_any()? else {
            return Ok(false);
        };
        let branch = format!("refs/heads/{}", pending.branch);
        let has_moved = || {
            let commit = repository.commit(&branch)?;
            Ok(commit.is_some_and(|commit| commit.sha == pending.sha))
        };
        let decided = wait::until(DECIDING, || {
            // Looked at first: git moves the branch before it ends.
            let is_over = pending.git.is_none_or(|git| git.has_ended() || self.has_decided(git));
            match has_moved() {
                Ok(false) if !is_over => None,
                answer => Some(answer),
            }
        });
        decided.unwrap_or(Ok(false))
    }

    /// All that is left to do is to say that it is done. What cannot say so yet, on a full disk for
    /// example, is said by the next command.
    pub(crate) fn say_done(&mut self, unfinished: &Unfinished, progress: &mut dyn Progress) {
        let before = unfinished.activations.unwrap_or(0);
        let said = deployments::named(&self.layout, &unfinished.deployment)
            .and_then(|it| it.map_or(Ok(()), |mut it| it.activate_after(before, &self.layout)));
        if said.is_ok() {
            self.prune(progress);
            self.end_of(progress);
        }
        noticed(said, progress);
    }

    fn has_decided(&self, git: ProcessId) -> bool {
        let noted = files::read_if_exists(&decided_file(&self.layout)).ok().flatten();
        noted.is_some_and(|json| serde_json::from_slice(&json).is_ok_and(|it: ProcessId| it == git))
    }
}
