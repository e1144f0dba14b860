//! The gear's bare git repository, `git/<name>.git` (node-contract.md, Gear layout): what is pushed
//! to, and where the code of a build comes from.

mod listed;
mod objection;

use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::run::{self};
use cart_core::{CommandSpec, GearEnv, tree};

use crate::deploy::git::program::{self, Git};
use crate::layout::error::GearError;
use crate::layout::identity;

/// How long getting a repository from elsewhere may take.
const FETCHING: Duration = Duration::from_secs(1800);
/// Unpacking is done at the speed of the disk.
const UNPACKING: Duration = Duration::from_secs(600);

/// A gear's repository.
#[derive(Clone, Debug)]
pub struct Repository {
    git: Git,
    path: Utf8PathBuf,
}

/// A commit that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What a person called it: a branch, a tag, the beginning of a hash.
    pub name: String,
    /// Its whole hash.
    pub sha: String,
}

/// What the hooks of a repository call.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The program `gear`.
    pub program: Utf8PathBuf,
    /// The directory in which gears live.
    pub gears: Utf8PathBuf,
}

impl Repository {
    /// The repository in `path`, on which `git` works. It need not be there.
    #[must_use]
    pub fn at(path: Utf8PathBuf, git: Git) -> Self {
        Self { git, path }
    }

    /// Where it is: what people push to.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Makes an empty one whose branch is `branch`, with hooks for the gear `name`. It appears
    /// whole or not at all.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn make(&self, branch: &str, name: &str, receiver: &Receiver) -> Result<(), GearError> {
        let parent = self.path.parent().unwrap_or(Utf8Path::new("/"));
        files::create_dir(parent, 0o750)?;
        let beside = Utf8PathBuf::from(format!("{}.new", self.path));
        tree::remove(&beside)?;
        let init = self.git.alone().args(["init", "--quiet", "--bare", "--template="]);
        program::said(&init.arg(beside.as_str()))?;
        let there = Self::at(beside.clone(), self.git.clone());
        there.set_branch(branch)?;
        there.write_settings()?;
        there.write_hooks(name, receiver)?;
        Ok(files::rename(&beside, &self.path)?)
    }

    /// Writes what git must know of a gear's repository, over what it was told before.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn write_settings(&self) -> Result<(), GearError> {
        for (key, value) in [
            // A person's own core.hooksPath would hide the hooks from a push over a path.
            ("core.hooksPath", "hooks"),
            // Tidying up must end before the push does.
            ("gc.autoDetach", "false"),
            ("maintenance.autoDetach", "false"),
            ("receive.denyDeleteCurrent", "refuse"),
        ] {
            program::said(&self.on(&["config", key, value]))?;
        }
        Ok(())
    }

    /// Writes the hooks of the gear `name`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write_hooks(&self, name: &str, receiver: &Receiver) -> Result<(), FileError> {
        let hooks = self.path.join("hooks");
        files::create_dir(&hooks, 0o750)?;
        for hook in ["pre-receive", "post-receive"] {
            let script = hook_script(hook, name, receiver);
            files::write_unsynced(&hooks.join(hook), script.as_bytes(), 0o755)?;
        }
        Ok(())
    }

    /// Has HEAD point to `branch`.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn set_branch(&self, branch: &str) -> Result<(), GearError> {
        let head = format!("refs/heads/{branch}");
        program::said(&self.on(&["symbolic-ref", "HEAD", &head])).map(drop)
    }

    /// The commit that `name` names, if there is one.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn commit(&self, name: &str) -> Result<Option<Commit>, GearError> {
        let object = format!("{name}^{{commit}}");
        let found = program::asked(&self.on(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &object,
        ]))?;
        Ok(found.map(|sha| Commit { name: name.to_owned(), sha }))
    }

    /// The names of what lies in the directory `below` of a commit; none when it is not there.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn names(&self, commit: &Commit, below: &str) -> Result<Vec<String>, GearError> {
        let listed = self.on(&["ls-tree", "-z", "--name-only", &commit.sha, &format!("{below}/")]);
        let text = program::said(&listed)?;
        let prefix = format!("{below}/");
        Ok(text.split('\0').filter_map(|n| n.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    /// Puts the files of a commit into the empty directory `to`; `.gitattributes` may leave some
    /// out (`export-ignore`), as on a node.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn extract(&self, commit: &Commit, to: &Utf8Path) -> Result<(), GearError> {
        let archive = Utf8PathBuf::from(format!("{to}.tar"));
        let written = program::said(&self.on(&[
            "archive",
            "--format=tar",
            "-o",
            archive.as_str(),
            &commit.sha,
        ]));
        let unpacked = written.and_then(|_| {
            let env = &self.git.alone().env;
            // Modes as they are in the commit, owned by us even if root unpacks.
            let args = ["-c", "exec tar -xpof \"$1\" -C \"$2\"", "sh"];
            let unpack =
                CommandSpec::new("/bin/sh", env).args(args).args([archive.as_str(), to.as_str()]);
            run::checked(&unpack, UNPACKING).map_err(|error| {
                GearError::failed(format!("the files of the commit cannot be unpacked: {error}"))
            })
        });
        files::remove_if_exists(&archive)?;
        unpacked.map(drop)
    }

    /// Makes a commit of what is in `directory` on top of `parent`, on no branch yet. Ignored files
    /// are in it, version control and compiled Python are not, and empty directories vanish.
    /// Answers `parent` itself when nothing is different.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn commit_directory(
        &self,
        directory: &Utf8Path,
        message: &str,
        parent: Option<&Commit>,
    ) -> Result<Commit, GearError> {
        let scratch = self.path.join(format!("gear-{}", identity::hexadecimal(12)?));
        let made = self.commit_copy(directory, &scratch, message, parent);
        tree::remove(&scratch)?;
        made
    }

    fn commit_copy(
        &self,
        directory: &Utf8Path,
        scratch: &Utf8Path,
        message: &str,
        parent: Option<&Commit>,
    ) -> Result<Commit, GearError> {
        let copy = scratch.join("tree");
        files::create_dir(scratch, 0o700)?;
        // A repository in the repository would become a submodule.
        tree::copy(directory, &copy, no_code)?;
        let index = scratch.join("index");
        let with_index = |command: CommandSpec| command.env("GIT_INDEX_FILE", index.as_str());
        let add = self.on(&["-c", "core.safecrlf=false", &format!("--work-tree={copy}")]);
        program::said(&with_index(add.args(["add", "--force", "--all", "."]).dir(&copy)))?;
        let tree = program::said(&with_index(self.on(&["write-tree"])))?;
        if let Some(parent) = parent
            && self.tree_of(parent)? == tree
        {
            return Ok(parent.clone());
        }
        let mut commit = self.on(&["commit-tree", "-m", message]);
        if let Some(parent) = parent {
            commit = commit.args(["-p", &parent.sha]);
        }
        let sha = program::said(&commit.arg(tree))?;
        Ok(Commit { name: sha.clone(), sha })
    }

    fn tree_of(&self, commit: &Commit) -> Result<String, GearError> {
        program::said(&self.on(&["rev-parse", "--verify", &format!("{}^{{tree}}", commit.sha)]))
    }

    /// Moves `branch` from `from` (no commit: it is not there yet) to `to`.
    ///
    /// # Errors
    /// [`GearError`], also when the branch is elsewhere by now.
    pub fn move_branch(
        &self,
        branch: &str,
        from: Option<&Commit>,
        to: &Commit,
    ) -> Result<(), GearError> {
        let name = format!("refs/heads/{branch}");
        let from = from.map_or(objection::NOTHING, |commit| commit.sha.as_str());
        program::said(&self.on(&["update-ref", "-m", "gear", &name, &to.sha, from])).map(drop)
    }

    /// Gets `what` (a branch or a tag, else the branch that is HEAD there) from the repository at
    /// `url`, in the name of the person whose environment `caller` is; it becomes `branch`.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn fetch(
        &self,
        url: &str,
        what: Option<&str>,
        branch: &str,
        caller: &GearEnv,
    ) -> Result<Commit, GearError> {
        let failed = |error| GearError::failed(format!("{url} cannot be fetched: {error}"));
        let refs = format!("+{}:refs/heads/{branch}", what.unwrap_or("HEAD"));
        let fetch = self.git.clone().with_persons_keys(caller).on(&self.path);
        let fetch = fetch.args(["fetch", "--quiet", "--no-recurse-submodules", "--no-tags", "--"]);
        run::checked(&fetch.arg(url).arg(refs), FETCHING).map_err(failed)?;
        let found = self.commit(branch)?;
        found.ok_or_else(|| GearError::failed(format!("{url} has no commit")))
    }

    fn on(&self, args: &[&str]) -> CommandSpec {
        self.git.on(&self.path).args(args.iter().copied())
    }
}

/// A hook runs in the environment of the person who pushes, perhaps without a terminal, and perhaps
/// after `gear` was moved.
fn hook_script(hook: &str, name: &str, receiver: &Receiver) -> String {
    let quoted = |path: &Utf8Path| format!("'{}'", path.as_str().replace('\'', r"'\''"));
    let action = hook.replace('-', "");
    format!(
        "#!/bin/sh\n\
         # Written by gear.\n\
         GEAR_HOME={}\n\
         export GEAR_HOME\n\
         gear={}\n\
         if [ ! -x \"$gear\" ]; then\n    \
             gear=$(command -v gear) || {{\n        \
                 echo 'gear: the program gear is neither at its former place' {} >&2\n        \
                 echo 'gear: nor on the PATH: install it where a push finds it' >&2\n        \
                 exit 1\n    \
             }}\n\
         fi\n\
         exec \"$gear\" {action} {name}\n",
        quoted(&receiver.gears),
        quoted(&receiver.program),
        quoted(&receiver.program),
    )
}

/// What a directory may hold beside an app's code.
pub(crate) fn no_code(below: &Path) -> bool {
    below.ends_with(".git") || below.ends_with("__pycache__")
}

#[cfg(test)]
mod tests;
