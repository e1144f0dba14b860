//! The app that a cartridge brings along for those who bring none (node-contract.md, Lifecycle,
//! configure).

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv};

use crate::tree;

/// Where a cartridge's template may lie, first found: a directory, or a bare git repository.
const PLACES: [&str; 4] = ["template", "template.git", "usr/template", "usr/template.git"];
/// Getting the files out of a repository on the same disk is done in no time.
const LIMIT: Duration = Duration::from_secs(60);

/// The template of a cartridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    path: Utf8PathBuf,
}

impl Template {
    /// The template of the cartridge in `directory`, if it has one.
    #[must_use]
    pub fn of(directory: &Utf8Path) -> Option<Self> {
        let path = PLACES.iter().map(|place| directory.join(place)).find(|path| path.is_dir())?;
        Some(Self { path })
    }

    /// Puts its files into `repo`, which is empty; `env` is for git.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn copy_to(&self, repo: &Utf8Path, env: &GearEnv) -> Result<(), TemplateError> {
        if self.path.extension() != Some("git") {
            return Ok(tree::copy(&self.path, repo, |below| below.ends_with(".git"))?);
        }
        // The shell finds git by the gear's PATH.
        let script = "git clone --quiet \"$1\" \"$2\" && rm -rf \"$2/.git\"";
        let args = ["-c", script, "sh", self.path.as_str(), repo.as_str()];
        run::checked(&CommandSpec::new("/bin/sh", env).args(args), LIMIT)?;
        Ok(())
    }
}

/// A template that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Its files.
    #[error(transparent)]
    File(#[from] FileError),
    /// git, for a template that is a repository.
    #[error("the cartridge's template is a git repository, and its files cannot be had: {0}")]
    Git(#[from] RunError),
}
