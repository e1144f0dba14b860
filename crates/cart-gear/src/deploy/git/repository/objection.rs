//! What git would object to when a push moves a branch. git says so only after `pre-receive`, when
//! the app has been built and deployed; here it is asked before.

use cart_core::{CommandSpec, GearEnv};

use super::Repository;
use crate::deploy::git::program;
use crate::layout::error::GearError;

/// Asks for a change of a ref that git prepares, with all its locks and checks, and gives up again.
const REHEARSAL: &str =
    r#"printf 'start\nupdate %s %s %s\nprepare\nabort\n' "$1" "$2" "$3" | { shift 3; exec "$@"; }"#;
/// What git takes for no object at all.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000";

impl Repository {
    /// Why git will not move `branch` from the commit `old` (none: it is not there yet) to the object
    /// `new` of a push, as far as that can be known before it does. `caller` is the environment of
    /// the hook `pre-receive`.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn objection(
        &self,
        branch: &str,
        old: Option<&str>,
        new: &str,
        caller: &GearEnv,
    ) -> Result<Option<String>, GearError> {
        let Some(kind) = program::asked(&self.on(&["cat-file", "-t", new]))? else {
            return Ok(Some(format!("{new}, which {branch} is to be, did not come along")));
        };
        if kind != "commit" {
            let what = if kind == "tag" { "an annotated tag" } else { &kind };
            return Ok(Some(format!(
                "{branch} would be {what}, and a branch can only be a commit: push what it leads to, `git push REMOTE 'NAME^{{commit}}:{branch}'`"
            )));
        }
        if !self.is_set("receive.shallowUpdate", caller)? && !self.is_whole(new)? {
            return Ok(Some(format!(
                "the history of what {branch} is to be is cut off, because it was pushed from a shallow clone: get the rest with `git fetch --unshallow`, then push again"
            )));
        }
        if let Some(old) = old
            && self.is_set("receive.denyNonFastForwards", caller)?
            && !self.is_ancestor(old, new)?
        {
            return Ok(Some(format!(
                "{branch} would lose commits, which receive.denyNonFastForwards forbids: get them with `git pull`, then push again"
            )));
        }
        Ok(self.would_not_move(branch, old, new)?.map(|reason| format!("git says {reason}")))
    }

    /// Why `branch` cannot be moved from `old` (none: it is not there yet) to `new`, in git's words:
    /// it is locked, for example. git before 2.27 cannot say so without doing it, and nothing is
    /// known then.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn would_not_move(
        &self,
        branch: &str,
        old: Option<&str>,
        new: &str,
    ) -> Result<Option<String>, GearError> {
        let mut update = self.on(&["update-ref", "--stdin"]);
        // In quarantine nothing may move, and nothing will.
        update.env.remove("GIT_QUARANTINE_PATH");
        let name = format!("refs/heads/{branch}");
        let rehearsal = CommandSpec::new("/bin/sh", &update.env)
            .dir(&update.dir)
            .args(["-c", REHEARSAL, "sh", &name, new, old.unwrap_or(NOTHING)])
            .arg(update.program)
            .args(update.args);
        let output = program::ended(&rehearsal)?;
        let said = output.stderr_text();
        if output.status.success() || said.contains("unknown command") {
            return Ok(None);
        }
        let reason = said.lines().next().unwrap_or_default();
        let reason = reason.trim_start_matches("fatal: ").trim_start_matches("prepare: ");
        let is_locked = reason.ends_with(".lock': File exists.");
        let remedy = if is_locked { " Remove that file if no other git is at work" } else { "" };
        Ok(Some(format!("{reason}{remedy}")))
    }

    /// Whether a switch of git's is on, as the git sees it that `caller` is the environment of.
    fn is_set(&self, key: &str, caller: &GearEnv) -> Result<bool, GearError> {
        let git = self.git.clone().with_persons_keys(caller);
        let asked = git.on(&self.path).args(["config", "--bool", "--get", key]);
        Ok(program::asked(&asked)?.as_deref() == Some("true"))
    }

    /// Whether everything is there that a commit leads to.
    fn is_whole(&self, commit: &str) -> Result<bool, GearError> {
        let walk = ["rev-list", "--objects", "--quiet", commit, "--not", "--all"];
        Ok(program::asked(&self.on(&walk))?.is_some())
    }

    fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, GearError> {
        Ok(program::asked(&self.on(&["merge-base", "--is-ancestor", old, new]))?.is_some())
    }
}
