//! A directory that is there whole, or not at all.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;
use tempfile::TempDir;

use crate::layout::error::GearError;

/// A directory that is being made, beside where it is to be. When it goes out of scope without
/// [`put`](Self::put), it is gone.
#[derive(Debug)]
pub(crate) struct NewDirectory {
    wanted: Utf8PathBuf,
    place: Utf8PathBuf,
    _guard: TempDir,
}

impl NewDirectory {
    /// Begins with `wanted`, which must not be there, or be empty. Only its owner can look into it.
    ///
    /// # Errors
    /// [`GearError`] when something is there already, or nothing can be made beside it.
    pub(crate) fn beside(wanted: &Utf8Path) -> Result<Self, GearError> {
        let Some(name) = wanted.file_name() else {
            return Err(GearError::wrong(format!(
                "{wanted} has no name of its own: name the directory that is to be made"
            )));
        };
        match wanted.symlink_metadata() {
            Err(_) => {}
            Ok(it) if it.is_dir() && files::list(wanted)?.is_empty() => {}
            Ok(_) => {
                return Err(GearError::wrong(format!(
                    "{wanted} is there already, and not an empty directory: name another, or move it away; \
                     nothing was written"
                )));
            }
        }
        let parent = match wanted.parent() {
            Some(parent) if !parent.as_str().is_empty() => parent,
            _ => Utf8Path::new("."),
        };
        let guard = tempfile::Builder::new()
            .prefix(&format!(".{name}-"))
            .tempdir_in(parent)
            .map_err(|error| FileError::new("make a directory in", parent, error))?;
        let own_name = guard.path().file_name().unwrap_or_default().to_string_lossy();
        let place = parent.join(own_name.as_ref());
        Ok(Self { wanted: wanted.to_owned(), place, _guard: guard })
    }

    /// Where it is made.
    pub(crate) fn place(&self) -> &Utf8Path {
        &self.place
    }

    /// Puts it where it is to be, with this mode.
    ///
    /// # Errors
    /// [`GearError`]; all is as it was.
    pub(crate) fn put(self, mode: u32) -> Result<(), GearError> {
        let place = &self.place;
        std::fs::set_permissions(place, PermissionsExt::from_mode(mode))
            .map_err(|error| FileError::new("change", place, error))?;
        // Takes the place of an empty directory, too.
        Ok(files::rename(place, &self.wanted)?)
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        // Also what nobody may write into; once it is put, there is nothing left.
        let _ = tree::remove(&self.place);
    }
}
