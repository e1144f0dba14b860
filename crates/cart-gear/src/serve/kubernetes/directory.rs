//! A directory of text files that is there whole, or not at all.

use camino::Utf8Path;
use cart_core::files::{self, FileError};

use crate::layout::error::GearError;
use crate::layout::new_directory::NewDirectory;

/// A file to be written: its path in the directory, its text.
pub(super) type File = (String, String);

/// Makes `directory`, or fills it if it is empty. The file `private` is for its owner alone.
///
/// # Errors
/// [`GearError`] when something is there already, or a file cannot be written; all is as it was.
pub(super) fn put(
    directory: &Utf8Path,
    written: &[File],
    private: Option<&str>,
) -> Result<(), GearError> {
    let new = NewDirectory::beside(directory)?;
    for (below, text) in written {
        let path = new.place().join(below);
        let folder = path.parent().unwrap_or(new.place());
        std::fs::create_dir_all(folder).map_err(|error| FileError::new("make", folder, error))?;
        let mode = if private == Some(below) { 0o600 } else { 0o644 };
        files::write_unsynced(&path, text.as_bytes(), mode)?;
    }
    new.put(0o755)
}
