//! A directory of text files that is there whole, or not at all.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use cart_core::files::{self, FileError};

use crate::layout::error::GearError;

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
    let Some(name) = directory.file_name() else {
        return Err(GearError::wrong(format!(
            "{directory} has no name of its own: name the directory that is to be made"
        )));
    };
    match directory.symlink_metadata() {
        Err(_) => {}
        Ok(it) if it.is_dir() && files::list(directory)?.is_empty() => {}
        Ok(_) => {
            return Err(GearError::wrong(format!(
                "{directory} is there already, and not an empty directory: name another, or move it away; \
                 nothing was written"
            )));
        }
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    };
    let beside = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(parent)
        .map_err(|error| FileError::new("make a directory in", parent, error))?;
    let own_name = beside.path().file_name().unwrap_or_default().to_string_lossy();
    let place = parent.join(own_name.as_ref());
    for (below, text) in written {
        let path = place.join(below);
        let folder = path.parent().unwrap_or(&place);
        std::fs::create_dir_all(folder).map_err(|error| FileError::new("make", folder, error))?;
        let mode = if private == Some(below) { 0o600 } else { 0o644 };
        files::write_unsynced(&path, text.as_bytes(), mode)?;
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&place, open).map_err(|e| FileError::new("change", &place, e))?;
    // Takes the place of an empty directory, too.
    Ok(files::rename(&place, directory)?)
}
