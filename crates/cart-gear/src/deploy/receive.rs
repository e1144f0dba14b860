//! A push as the gear receives it: what of it is deployed, and that no other push comes between
//! (node-contract.md, Build).

use cart_core::GearEnv;
use cart_core::files::FileError;
use cart_core::process::ProcessId;

use crate::deploy::build::Code;
use crate::deploy::deployments;
use crate::deploy::deployments::Deployment;
use crate::deploy::git::{Commit, Repository};
use crate::deploy::line::Order;
use crate::deploy::pushed::{Plan, PushedRef, Settings};
use crate::deploy::recovery::pending::Pending;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::scripts::progress::Progress;

/// The hook `pre-receive` of a push.
#[derive(Clone, Copy, Debug)]
pub struct PreReceive<'a> {
    /// Its environment.
    pub env: &'a GearEnv,
    /// git's process, which called it and moves the branches afterwards.
    pub git: ProcessId,
}

/// What came of a push that git has accepted, in whole or in part.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// What is told of refs that are not deployed.
    pub notices: Vec<String>,
    /// The commit that is deployed, if this push was.
    pub deployed: Option<String>,
}

impl GearOnDisk {
    /// Takes in a push, before git accepts it: whatever fails here refuses the push, and nothing of
    /// it is left. `repository` sees the objects of the push. The gear's lock is held. Answers the
    /// deployment, which is [undecided](Self::undecided), if there is something to deploy.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn receive(
        &mut self,
        refs: &[PushedRef],
        repository: &Repository,
        caller: PreReceive<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Option<Deployment>, GearError> {
        self.recover(progress)?;
        let settings = Settings::of(&self.layout)?;
        let (old, new) = match Plan::of(refs, &settings, &self.name) {
            Plan::Refuse { reason } => return Err(GearError::failed(reason)),
            Plan::Store { .. } => return Ok(None),
            Plan::Deploy { old, new, .. } => (old, new),
        };
        let branch = settings.branch;
        let found = repository.commit(&format!("refs/heads/{branch}"))?;
        if found.map(|commit| commit.sha) != old {
            return Err(GearError::failed(format!(
                "{branch} was pushed by somebody else in the meantime: get that with `git pull`, then push again"
            )));
        }
        if let Some(reason) = repository.objection(&branch, old.as_deref(), &new, caller.env)? {
            return Err(GearError::failed(reason));
        }
        let pending = Pending { branch: branch.clone(), sha: new.clone(), git: Some(caller.git) };
        let commit = Commit { name: branch, sha: new };
        let code = Code::Commit(repository, &commit);
        Ok(Some(self.deploy_pending(code, Order::Beside, Some(pending), progress)?))
    }

    /// What is to be told of `refs`, which git has changed. The gear is settled.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn received(&self, refs: &[PushedRef]) -> Result<Received, FileError> {
        let plan = Plan::of(refs, &Settings::of(&self.layout)?, &self.name);
        let mut received = Received { notices: plan.notices().to_vec(), deployed: None };
        if let Plan::Deploy { new, .. } = plan {
            let current = deployments::current(&self.layout)?;
            if current.is_some_and(|current| current.metadata().git_sha1.as_ref() == Some(&new)) {
                received.deployed = Some(new);
            } else {
                let (short, name) = (new.get(..7).unwrap_or(&new), &self.name);
                received.notices.push(format!(
                    "{short} is in the repository, and {name} has something else deployed: `gear deploy {name}` deploys what is there"
                ));
            }
        }
        Ok(received)
    }
}
