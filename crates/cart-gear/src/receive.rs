//! A push as the gear receives it: what of it is deployed, and that no other push comes between
//! (node-contract.md, Build).

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use cart_core::wait;
use serde::{Deserialize, Serialize};

use crate::build::{BuildError, Code, Order};
use crate::deployment::Deployment;
use crate::gear::GearOnDisk;
use crate::progress::Progress;
use crate::push::{Plan, PushedRef, Settings};
use crate::repository::{Commit, Repository};

/// How long git may take from the end of `pre-receive` to the end of `post-receive`.
const NOTED: Duration = Duration::from_secs(60);

/// What came of a push.
#[derive(Debug)]
pub enum Received {
    /// It is kept, and nothing of it is to be deployed.
    Stored,
    /// Its deployment is current.
    Deployed(Deployment),
}

/// A push whose deployment is done and whose refs git has yet to change.
#[derive(Debug, Serialize, Deserialize)]
struct Accepted {
    /// git's process that does so.
    process: ProcessId,
    branch: String,
    sha: String,
}

impl GearOnDisk {
    /// Takes in a push, before git accepts it: whatever fails here refuses the push, and nothing of
    /// it is left. `repository` sees the objects of the push; `git` is the process that changes the
    /// refs afterwards. The gear's lock is held.
    ///
    /// # Errors
    /// [`ReceiveError`].
    pub fn receive(
        &mut self,
        refs: &[PushedRef],
        repository: &Repository,
        git: Option<ProcessId>,
        progress: &mut dyn Progress,
    ) -> Result<Received, ReceiveError> {
        self.settle(repository, progress)?;
        let settings = Settings::of(&self.layout)?;
        let plan = Plan::of(refs, &settings, &self.name);
        plan.notices().iter().for_each(|text| progress.notice(text));
        let (old, new) = match plan {
            Plan::Refuse { reason } => return Err(ReceiveError::Refused { reason }),
            Plan::Store { .. } => return Ok(Received::Stored),
            Plan::Deploy { old, new, .. } => (old, new),
        };
        let branch = &settings.branch;
        let found = repository.commit(&format!("refs/heads/{branch}")).map_err(BuildError::from)?;
        if found.map(|commit| commit.sha) != old {
            return Err(ReceiveError::Moved { branch: branch.clone() });
        }
        let sha = new.clone();
        let known = repository.commit(&new).map_err(BuildError::from)?;
        let known = known.ok_or(ReceiveError::NoCommit { branch: branch.clone(), sha })?;
        let commit = Commit { name: branch.clone(), sha: known.sha };
        let deployment =
            self.deploy_code(Code::Commit(repository, &commit), Order::Beside, progress)?;
        if let Some(process) = git {
            let accepted = Accepted { process, branch: branch.clone(), sha: commit.sha };
            self.note_accepted(&accepted)?;
        }
        Ok(Received::Deployed(deployment))
    }

    /// After git has changed the refs of a push. Answers what is deployed now, if this push was.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn received(&self, refs: &[PushedRef]) -> Result<Option<String>, FileError> {
        let Some(accepted) = self.accepted()? else {
            return Ok(None);
        };
        let this = refs.iter().any(|r| r.new.as_deref() == Some(&accepted.sha));
        if this {
            files::remove_if_exists(&self.accepted_file())?;
        }
        Ok(this.then_some(accepted.sha))
    }

    /// Waits until git has noted the push before this one: its deployment was done under the lock
    /// of the gear, and git changes the refs when that is free again.
    ///
    /// # Errors
    /// [`FileError`].
    pub(crate) fn settle(
        &self,
        repository: &Repository,
        progress: &mut dyn Progress,
    ) -> Result<(), FileError> {
        let Some(accepted) = self.accepted()? else {
            return Ok(());
        };
        let branch = format!("refs/heads/{}", accepted.branch);
        let noted = || {
            let commit = repository.commit(&branch).ok().flatten();
            commit.is_some_and(|commit| commit.sha == accepted.sha)
        };
        let _ = wait::until(NOTED, || (noted() || !accepted.process.is_alive()).then_some(()));
        if !noted() {
            let short = accepted.sha.get(..7).unwrap_or(&accepted.sha);
            progress.notice(&format!(
                "The push of {short} was cut off after it had been deployed: it serves, but it is not in the repository"
            ));
        }
        files::remove_if_exists(&self.accepted_file())
    }

    fn accepted(&self) -> Result<Option<Accepted>, FileError> {
        // One that cannot be read says nothing, and is replaced by the next.
        let content = files::read_if_exists(&self.accepted_file())?;
        Ok(content.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn note_accepted(&self, accepted: &Accepted) -> Result<(), FileError> {
        let path = self.accepted_file();
        let json =
            serde_json::to_vec(accepted).map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o600)
    }

    fn accepted_file(&self) -> Utf8PathBuf {
        self.layout.home().join(".gear-push.json")
    }
}

/// A push that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The gear takes no such push.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// Another push came first.
    #[error(
        "{branch} was pushed by somebody else in the meantime: get that with `git pull`, then push again"
    )]
    Moved {
        /// The branch.
        branch: String,
    },
    /// What was pushed cannot be deployed.
    #[error("{sha}, which {branch} is to be, is no commit")]
    NoCommit {
        /// The branch.
        branch: String,
        /// The object.
        sha: String,
    },
    /// It could not be built, or not be deployed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}
