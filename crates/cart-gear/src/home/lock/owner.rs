//! In whose directory somebody works.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

/// What root makes in a directory of somebody else's is root's, and its owner's commands fail on it
/// from then on.
pub(crate) fn check_owner(directory: &Utf8Path) -> Result<(), ForeignHome> {
    let owner = directory.metadata().map_or(0, |metadata| metadata.uid());
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(ForeignHome { directory: directory.to_owned(), owner })
}

/// A directory for gears in which root works on none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{directory} belongs to the user {owner}, and root would leave files there that are not that user's: run gear as the user {owner}, or set GEAR_HOME to a directory of root's"
)]
pub struct ForeignHome {
    /// The directory.
    pub directory: Utf8PathBuf,
    /// The uid of its owner.
    pub owner: u32,
}
