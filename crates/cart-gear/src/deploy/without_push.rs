//! Deploying what is in a gear's repository, or is to come into it, other than by a push.

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv};

use crate::deploy::build::Code;
use crate::deploy::deployments::Deployment;
use crate::deploy::git::{Commit, Git, Receiver, Repository};
use crate::deploy::line::Order;
use crate::deploy::pushed::Settings;
use crate::deploy::recovery::pending::Pending;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::scripts::progress::Progress;

/// A repository elsewhere, from which a new gear gets its app.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Where it is, as git understands it.
    pub url: String,
    /// A branch or a tag; else what is HEAD there.
    pub what: Option<String>,
    /// The environment of the person who asks, whose keys and passwords are used.
    pub caller: GearEnv,
}

impl GearOnDisk {
    /// Makes the gear's repository, which is empty; a push to it calls `receiver`.
    ///
    /// # Errors
    /// [`GearError`], also when there is no git.
    pub fn make_repository(&self, receiver: &Receiver) -> Result<Repository, GearError> {
        let git = Git::find(&self.environment()?)?;
        let repository = Repository::at(self.layout.repository(&self.name), git);
        repository.make(&self.deployment_branch(), &self.name, receiver)?;
        Ok(repository)
    }

    /// The gear's repository.
    ///
    /// # Errors
    /// [`GearError`], also when the gear has none, or there is no git.
    pub fn repository(&self) -> Result<Repository, GearError> {
        self.repository_if_any()?.ok_or_else(|| {
            let path = self.layout.repository(&self.name);
            GearError::failed(format!(
                "the gear has no repository at {path}: it was made without git; make it anew"
            ))
        })
    }

    /// The gear's repository as the `pre-receive` hook sees it whose environment `caller` is.
    ///
    /// # Errors
    /// As [`repository`](Self::repository).
    pub fn receiving_repository(&self, caller: &GearEnv) -> Result<Repository, GearError> {
        let path = self.repository()?.path().to_owned();
        Ok(Repository::at(path, Git::find(&self.environment()?)?.in_quarantine(caller)))
    }

    /// The gear's repository, if it has one.
    pub(crate) fn repository_if_any(&self) -> Result<Option<Repository>, GearError> {
        let path = self.layout.repository(&self.name);
        if !path.join("HEAD").exists() {
            return Ok(None);
        }
        Ok(Some(Repository::at(path, Git::find(&self.environment()?)?)))
    }

    /// Deploys a commit of the gear's repository: `name`, or what the deployment branch is.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn deploy_ref(
        &mut self,
        name: Option<&str>,
        order: Order,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        self.recover(progress)?;
        let repository = self.repository()?;
        let branch = self.deployment_branch();
        // The whole name, for a tag may be called as the branch is.
        let wanted = name.map_or_else(|| format!("refs/heads/{branch}"), str::to_owned);
        let Some(found) = repository.commit(&wanted)? else {
            return Err(match name {
                None => {
                    let command = push_command(repository.path(), &branch);
                    GearError::failed(format!("nothing has been pushed yet: `{command}`"))
                }
                Some(name) => GearError::wrong(format!(
                    "the gear's repository has no commit {name:?}: push it first"
                )),
            });
        };
        let commit = Commit { name: name.map_or(branch, str::to_owned), ..found };
        self.deploy_code(Code::Commit(&repository, &commit), order, progress)
    }

    /// Makes a commit of what is in `directory`, on top of the deployment branch, and deploys it;
    /// the branch moves when that is done.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn deploy_directory(
        &mut self,
        directory: &Utf8Path,
        order: Order,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        self.recover(progress)?;
        let repository = self.repository()?;
        let branch = self.deployment_branch();
        let before = repository.commit(&format!("refs/heads/{branch}"))?;
        let message = format!("Deploy {directory}");
        let made = repository.commit_directory(directory, &message, before.as_ref())?;
        let commit = Commit { name: branch.clone(), ..made };
        let code = Code::Commit(&repository, &commit);
        if before.as_ref().is_some_and(|before| before.sha == commit.sha) {
            progress.notice("Nothing is different from what was committed last; it is built again");
            return self.deploy_code(code, order, progress);
        }
        let from = before.as_ref().map(|before| before.sha.as_str());
        if let Some(reason) = repository.would_not_move(&branch, from, &commit.sha)? {
            return Err(GearError::failed(format!("{branch} cannot be moved: git says {reason}")));
        }
        let pending = Pending { branch: branch.clone(), sha: commit.sha.clone(), git: None };
        let deployment = self.deploy_pending(code, order, Some(pending), progress)?;
        let moved = repository.move_branch(&branch, before.as_ref(), &commit);
        self.recover(progress)?;
        moved?;
        Ok(deployment)
    }

    /// Makes the first commit of a new gear from what is in `directory`; none if the gear has no
    /// repository.
    pub(crate) fn first_commit(
        &self,
        directory: &Utf8Path,
        message: &str,
    ) -> Result<Option<(Repository, Commit)>, GearError> {
        let Some(repository) = self.repository_if_any()? else {
            return Ok(None);
        };
        let branch = self.deployment_branch();
        let commit = repository.commit_directory(directory, message, None)?;
        repository.move_branch(&branch, None, &commit)?;
        Ok(Some((repository, Commit { name: branch, ..commit })))
    }

    /// Gets the first commit of a new gear from elsewhere.
    pub(crate) fn fetch_first(&self, from: &Elsewhere) -> Result<(Repository, Commit), GearError> {
        let repository = self.repository()?;
        let branch = self.deployment_branch();
        let commit = repository.fetch(&from.url, from.what.as_deref(), &branch, &from.caller)?;
        Ok((repository, commit))
    }

    /// The branch that is deployed.
    pub(crate) fn deployment_branch(&self) -> String {
        Settings::of(&self.layout).map_or_else(|_| "master".to_owned(), |s| s.branch)
    }
}

/// What a person types to deploy what is in a working copy.
#[must_use]
pub fn push_command(repository: &Utf8Path, branch: &str) -> String {
    let head = format!("HEAD:{branch}");
    CommandSpec::new("git", &GearEnv::new()).args(["push", repository.as_str(), &head]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_can_be_pasted() {
        let command = push_command(Utf8Path::new("/my gears/a/git/a.git"), "main");
        assert_eq!(command, "git push '/my gears/a/git/a.git' HEAD:main");
    }
}
