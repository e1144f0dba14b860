//! The one place where files are written: at once or not at all.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk::fault;

/// Replaces `path` by `content`: written beside it, synced, renamed over it. Whoever reads the
/// file sees the old or the new content, never a part; on an error the old file is as it was.
///
/// # Errors
/// [`FileError`] naming `path` and what was tried (disk full, directory missing or unwritable).
pub fn write_atomic(path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, content, mode, true)?;
    sync_directory(path.parent().unwrap_or(Utf8Path::new("/")));
    Ok(())
}

/// As [`write_atomic`], but does not wait for the disk: for what is of no use after a reboot. After a
/// power failure the file may be empty or missing.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_unsynced(path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, content, mode, false)
}

fn replace(path: &Utf8Path, content: &[u8], mode: u32, sync: bool) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    let failed = |source| FileError::new("write", path, source);
    let create =
        |beside: &Path| fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(beside);
    // Made and written by the system's own calls: tempfile's would put the path into each error.
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{}.", path.file_name().unwrap_or("file")))
        .make_in(directory, create)
        .map_err(failed)?;
    file.as_file_mut().write_all(content).map_err(failed)?;
    // The umask has been applied to the mode above; what we were asked for is exact.
    file.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    if sync {
        file.as_file().sync_all().map_err(failed)?;
    }
    file.persist(path).map_err(|e| failed(e.error)).map(drop)
}

/// As [`write_atomic`], but on a full disk writes over what the file holds already, which needs no
/// room as long as that is about as much: for a word that must change even then.
///
/// # Errors
/// As [`write_atomic`]; on a full disk also when the file is not there.
pub fn write_on_full_disk(path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    write_atomic(path, content, mode).or_else(|full| match is_full(&full) {
        true => overwrite(path, content).map_err(|_| full),
        false => Err(full),
    })
}

/// Whether it failed because no room is left, for bytes or for files.
#[must_use]
pub fn is_full(error: &FileError) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.source.kind(), StorageFull | QuotaExceeded)
}

fn overwrite(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all_at(content, 0)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

/// As [`write_unsynced`], but leaves a file alone that holds `content` already: for what is looked at
/// again before each use, and so is mended after a power failure. Answers whether it wrote.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_if_changed(path: &Utf8Path, content: &[u8], mode: u32) -> Result<bool, FileError> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    write_unsynced(path, content, mode).map(|()| true)
}

/// Waits until all that was written to the file system which `directory` is on has reached the disk: once,
/// behind many files that were written without waiting. What others have written there is waited for,
/// too.
///
/// # Errors
/// [`FileError`] naming `directory`.
pub fn sync_all(directory: &Utf8Path) -> Result<(), FileError> {
    let synced = fs::File::open(directory).and_then(|opened| Ok(rustix::fs::syncfs(opened)?));
    synced.map_err(|source| FileError::new("sync the disk of", directory, source))
}

/// Makes a directory with exactly this mode, or gives an existing one this mode.
///
/// # Errors
/// [`FileError`] naming the directory.
pub fn create_dir(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let failed = |source| FileError::new("create the directory", path, source);
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
        _ => {}
    }
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    if metadata.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    }
    Ok(())
}

/// Reads a whole file.
///
/// # Errors
/// [`FileError`] naming the file.
pub fn read(path: &Utf8Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError::new("read", path, source))
}

/// The paths of what is in a directory. What has a name that is not UTF-8 was put there by somebody
/// else, and is left out.
///
/// # Errors
/// [`FileError`] when the directory cannot be listed.
pub fn list(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let failed = |source| FileError::new("list", directory, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        found.extend(Utf8PathBuf::from_path_buf(entry.map_err(failed)?.path()));
    }
    Ok(found)
}

/// Reads a file that may be missing.
///
/// # Errors
/// [`FileError`] when it is there but cannot be read.
pub fn read_if_exists(path: &Utf8Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new("read", path, source)),
    }
}

/// Removes a file that may be missing.
///
/// # Errors
/// [`FileError`] when it is there but cannot be removed.
pub fn remove_if_exists(path: &Utf8Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::new("remove", path, e)),
        _ => Ok(()),
    }
}

/// Moves a file over `to`, on the same file system: at once, and without needing room for a copy.
///
/// # Errors
/// [`FileError`] naming `to`; it is as it was then.
pub fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(|source| FileError::new("replace", to, source))?;
    sync_directory(to.parent().unwrap_or(Utf8Path::new("/")));
    Ok(())
}

/// Opens a log for appending, making it with mode 0640 if need be.
///
/// # Errors
/// [`FileError`] naming the file.
pub fn open_log(path: &Utf8Path) -> Result<fs::File, FileError> {
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
        .map_err(|source| FileError::new("open for appending", path, source))
}

/// The last `count` lines that a log got after `offset` bytes, for messages. Empty when there
/// are none; bytes that are not text are shown as U+FFFD.
#[must_use]
pub fn last_lines(path: &Utf8Path, offset: u64, count: usize) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    const ENOUGH: u64 = 64 * 1024;
    let Ok(mut file) = fs::File::open(path) else {
        return Vec::new();
    };
    let length = file.metadata().map_or(0, |m| m.len());
    let from = if offset > length { 0 } else { offset }.max(length.saturating_sub(ENOUGH));
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_err() || file.read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|l| (*l).to_owned()).collect()
}

/// A rename is on disk only when its directory is; failing to sync it loses nothing now.
fn sync_directory(directory: &Utf8Path) {
    if let Ok(handle) = fs::File::open(directory) {
        let _ = handle.sync_all();
    }
}

/// A file that could not be read, written or made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {}", fault::words(.source))]
pub struct FileError {
    /// What was tried: `read`, `write`, ...
    pub action: &'static str,
    /// The file.
    pub path: Utf8PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// An error of `action` on `path`.
    #[must_use]
    pub fn new(action: &'static str, path: &Utf8Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn writing_gives_the_exact_mode_and_leaves_nothing_beside() {
        let (_keep, dir) = directory();
        write_atomic(&dir.join("secret"), b"x", 0o600).unwrap();
        write_atomic(&dir.join("open"), b"y", 0o666).unwrap();
        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("secret"), mode("open")), (0o600, 0o666));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
    }

    #[test]
    fn an_unchanged_file_is_left_alone() {
        let (_keep, dir) = directory();
        assert!(write_if_changed(&dir.join("f"), b"1", 0o644).unwrap());
        assert!(!write_if_changed(&dir.join("f"), b"1", 0o644).unwrap());
        assert!(write_if_changed(&dir.join("f"), b"2", 0o644).unwrap());
    }

    #[test]
    fn a_file_is_written_over_where_there_is_no_room_for_another() {
        let (_keep, dir) = directory();
        let file = dir.join("word");
        assert!(overwrite(&file, b"stopped\n").is_err(), "it needs room");
        write_on_full_disk(&file, b"deploying\n", 0o660).unwrap();
        overwrite(&file, b"idle\n").unwrap();
        assert_eq!(read(&file).unwrap(), b"idle\n");
        let error = |kind: io::ErrorKind| is_full(&FileError::new("write", &file, kind.into()));
        assert!(error(io::ErrorKind::StorageFull) && error(io::ErrorKind::QuotaExceeded));
        assert!(!error(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn an_error_names_the_file() {
        let error = write_atomic(Utf8Path::new("/nonexistent/f"), b"", 0o644).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write /nonexistent/f: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_file_in_a_directorys_place_is_an_error() {
        let (_keep, dir) = directory();
        write_atomic(&dir.join("run"), b"", 0o644).unwrap();
        assert!(create_dir(&dir.join("run"), 0o700).is_err());
    }

    #[test]
    fn a_file_is_moved_and_a_missing_one_is_an_error() {
        let (_keep, dir) = directory();
        write_atomic(&dir.join("f"), b"x", 0o600).unwrap();
        rename(&dir.join("f"), &dir.join("g")).unwrap();
        assert_eq!(read(&dir.join("g")).unwrap(), b"x");
        assert!(rename(&dir.join("missing"), &dir.join("g")).is_err());
    }

    #[test]
    fn last_lines_start_at_the_offset() {
        let (_keep, dir) = directory();
        let log = dir.join("log");
        write_atomic(&log, b"old\nnew 1\nnew 2\nnew 3\n", 0o644).unwrap();
        assert_eq!(last_lines(&log, 4, 2), ["new 2", "new 3"]);
        assert_eq!(last_lines(&log, 4, 9).len(), 3);
        assert!(last_lines(&dir.join("missing"), 0, 9).is_empty());
    }
}
