//! Copying files and trees into what is delivered.

use std::fs;
use std::os::unix::fs::symlink;

use camino::Utf8Path;
use cart_core::files::FileError;

/// Copies a file or a whole tree. Compiled Python and what hides git's directories from being
/// empty stay behind.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let failed = |e| FileError::new("copy", from, e);
    let kind = from.symlink_metadata().map_err(failed)?;
    if kind.is_symlink() {
        let target = from.read_link_utf8().map_err(failed)?;
        return symlink(target, to).map_err(failed);
    }
    if !kind.is_dir() {
        return fs::copy(from, to).map(|_| ()).map_err(failed);
    }
    make(to)?;
    for entry in from.read_dir_utf8().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name != "__pycache__" && name != ".gitkeep" {
            copy(entry.path(), &to.join(name))?;
        }
    }
    Ok(())
}

/// Makes a directory, with those that it is in.
pub(crate) fn make(directory: &Utf8Path) -> Result<(), FileError> {
    fs::create_dir_all(directory).map_err(|e| FileError::new("make", directory, e))
}
