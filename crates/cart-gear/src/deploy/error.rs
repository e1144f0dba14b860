//! What can go wrong from a push to an app that serves.

use camino::Utf8PathBuf;
use cart_core::files::FileError;

use crate::deploy::git::{GitError, RepositoryError};
use crate::scripts::run::HookError;

/// A build, a start or a stop that failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A script failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// The gear's repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The gear has no repository.
    #[error("the gear has no repository at {path}: it was made without git; make it anew")]
    NoRepository {
        /// Where it should be.
        path: Utf8PathBuf,
    },
}

impl From<GitError> for BuildError {
    fn from(error: GitError) -> Self {
        Self::Repository(error.into())
    }
}
