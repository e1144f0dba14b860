//! Calling git with an environment of ours: what a person's own configuration, hooks and variables
//! say must not decide what a gear builds, and nothing from an app's repository runs as ours.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::programs::{self};
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv};

use crate::layout::error::GearError;

/// Whatever git does on one disk is done long before.
const LIMIT: Duration = Duration::from_secs(600);

/// What git sets for `pre-receive` so that the objects of a push, which are kept apart until they
/// are accepted, can be seen.
const QUARANTINE: [&str; 3] =
    ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"];

/// What of a person's environment makes no difference to what git does but whom it may ask.
const OF_GIT_FOR_FETCHING: [&str; 4] = ["GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_"];

/// git, with a set of things that it may see.
#[derive(Clone, Debug)]
pub struct Git {
    program: Utf8PathBuf,
    env: GearEnv,
}

impl Git {
    /// The git on the `PATH` of `env`, of which nothing else is used.
    ///
    /// # Errors
    /// [`GearError`] with the remedy, when there is none.
    pub fn find(env: &GearEnv) -> Result<Self, GearError> {
        let program = programs::find("git", env, &[]).map_err(|error| {
            GearError::failed(format!(
                "{error}: install git (`apt-get install git`, `dnf install git`)"
            ))
        })?;
        let mut own = GearEnv::new()
            .with("GIT_CONFIG_NOSYSTEM", "1")
            .with("GIT_CONFIG_GLOBAL", "/dev/null")
            // Older than 2.32, git looks below these instead.
            .with("HOME", "/nonexistent")
            .with("XDG_CONFIG_HOME", "/nonexistent")
            .with("GIT_ATTR_NOSYSTEM", "1")
            .with("GIT_TERMINAL_PROMPT", "0")
            .with("GIT_OPTIONAL_LOCKS", "0")
            .with("GIT_AUTHOR_NAME", "gear")
            .with("GIT_AUTHOR_EMAIL", "gear@localhost")
            .with("GIT_COMMITTER_NAME", "gear")
            .with("GIT_COMMITTER_EMAIL", "gear@localhost")
            .with("LC_ALL", "C.UTF-8");
        if let Some(path) = env.get("PATH") {
            own.set("PATH", path);
        }
        Ok(Self { program, env: own })
    }

    /// The same git, which sees the objects of the push that `caller`, the environment of a
    /// `pre-receive` hook, is about.
    #[must_use]
    pub fn in_quarantine(mut self, caller: &GearEnv) -> Self {
        for name in QUARANTINE {
            if let Some(value) = caller.get(name) {
                self.env.set(name, value);
            }
        }
        self
    }

    /// The same git with the configuration, keys and passwords of the person whose environment
    /// `caller` is, for reading from elsewhere in that person's name.
    #[must_use]
    pub fn with_persons_keys(mut self, caller: &GearEnv) -> Self {
        for name in ["GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "HOME", "XDG_CONFIG_HOME"] {
            self.env.remove(name);
        }
        for (name, value) in caller.iter() {
            let of_git = name.as_encoded_bytes().starts_with(b"GIT_");
            let for_fetching = |name: &str| OF_GIT_FOR_FETCHING.iter().any(|p| name.starts_with(p));
            if !of_git || name.to_str().is_some_and(for_fetching) {
                self.env.set(name, value);
            }
        }
        self
    }

    /// A command on the repository in `repository`, with all that could run something switched
    /// off.
    pub(crate) fn on(&self, repository: &Utf8Path) -> CommandSpec {
        CommandSpec::new(&self.program, &self.env)
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(["-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null"])
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "tar.umask=0022"])
            .arg(format!("--git-dir={repository}"))
            .dir(repository)
    }

    /// A command that needs no repository.
    pub(crate) fn alone(&self) -> CommandSpec {
        CommandSpec::new(&self.program, &self.env)
    }
}

/// Runs a command of git's to its end and answers its standard output.
pub(crate) fn said(command: &CommandSpec) -> Result<String, GearError> {
    Ok(run::checked(command, LIMIT)?.stdout_text())
}

/// As [`said`], for what is not text.
pub(crate) fn bytes(command: &CommandSpec) -> Result<Vec<u8>, GearError> {
    Ok(run::checked(command, LIMIT)?.stdout)
}

/// Runs a command of git's to its end, however that is.
pub(crate) fn ended(command: &CommandSpec) -> Result<Output, GearError> {
    Ok(run::output(command, LIMIT)?)
}

/// As [`said`], for questions to which the answer may be no.
pub(crate) fn asked(command: &CommandSpec) -> Result<Option<String>, GearError> {
    let output = ended(command)?;
    Ok(output.status.success().then(|| output.stdout_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_git_is_said_with_the_remedy() {
        let env = GearEnv::new().with("PATH", "/nonexistent");
        let error = Git::find(&env).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program `git` was not found in /nonexistent: install git (`apt-get install git`, `dnf install git`)"
        );
    }

    #[test]
    fn of_a_hooks_environment_only_the_quarantine_is_used_and_of_a_persons_no_repository() {
        let caller = GearEnv::new()
            .with("PATH", "/bin:/usr/bin:/usr/local/bin")
            .with("GIT_DIR", "/x")
            .with("GIT_OBJECT_DIRECTORY", "/q")
            .with("GIT_SSH_COMMAND", "ssh -v")
            .with("SSH_AUTH_SOCK", "/s");
        let env = Git::find(&caller).unwrap().in_quarantine(&caller).env;
        assert_eq!(env.get("GIT_OBJECT_DIRECTORY").unwrap(), "/q");
        assert!(env.get("GIT_DIR").is_none() && env.get("SSH_AUTH_SOCK").is_none());
        let env = Git::find(&caller).unwrap().with_persons_keys(&caller).env;
        assert_eq!(env.get("SSH_AUTH_SOCK").unwrap(), "/s");
        assert_eq!(env.get("GIT_SSH_COMMAND").unwrap(), "ssh -v");
        for name in ["GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_GLOBAL"] {
            assert!(env.get(name).is_none(), "{name}");
        }
    }
}
