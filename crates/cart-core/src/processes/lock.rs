//! Locks on files, which the system takes back when their holder dies; one hook at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::OFlags;

use crate::disk::files::{self, FileError};
use crate::processes::wait;

/// One try to lock the file `path`, which is made if need be, with mode 0600; `None` when somebody
/// has it. The lock is held while the file is open.
///
/// # Errors
/// [`FileError`] naming the file; also when it is a symbolic link, which leads to what is somebody else's.
pub fn try_lock(path: &Utf8Path) -> Result<Option<File>, FileError> {
    let failed = |source| FileError::new("lock", path, source);
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // Its last holder may have removed the file between the opening and the locking, and the
        // lock of a file that nobody else can find is none: then there is a new file to try.
        let ours = file.metadata().map_err(failed)?;
        let is_there = std::fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        if is_there {
            return Ok(Some(file));
        }
    }
}

/// One try to lock a directory: what is removed in it does not take the lock away. `None` when
/// somebody has it. The lock is held while the file is open, or a copy of its descriptor. On a file
/// system that locks no directories (NFS) everybody has it.
///
/// # Errors
/// [`FileError`] when the directory cannot be opened.
pub fn try_lock_directory(path: &Utf8Path) -> Result<Option<File>, FileError> {
    let directory = File::open(path).map_err(|source| FileError::new("lock", path, source))?;
    match directory.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Ok(None),
    }
}

/// Replaces what is in a locked file.
///
/// # Errors
/// What the system said.
pub fn rewrite(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(content)
}

/// Held while it lives.
#[derive(Debug)]
pub struct HookLock {
    _file: File,
}

impl HookLock {
    /// Takes the lock `path`, waiting up to `limit` for another holder; writes `holder` into it,
    /// for those who wait.
    ///
    /// # Errors
    /// [`LockError::Held`] naming the holder, [`LockError::File`] when the file cannot be made.
    pub fn acquire(path: &Utf8Path, holder: &str, limit: Duration) -> Result<Self, LockError> {
        let Some(locked) = wait::until(limit, || try_lock(path).transpose()) else {
            let holder = files::read_if_exists(path).ok().flatten().unwrap_or_default();
            return Err(LockError::Held {
                path: path.to_owned(),
                holder: String::from_utf8_lossy(&holder).trim().to_owned(),
                seconds: limit.as_secs(),
            });
        };
        let mut file = locked?;
        // On a full disk the lock holds all the same; only nobody learns whose it is.
        let _ = rewrite(&mut file, format!("{holder}, pid {}\n", std::process::id()).as_bytes());
        Ok(Self { _file: file })
    }
}

/// A lock that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another hook runs, and went on running for as long as we waited.
    #[error(
        "another operation on this cartridge is still running after {seconds} seconds: {holder} (lock file {path})"
    )]
    Held {
        /// The lock file.
        path: Utf8PathBuf,
        /// What the holder wrote of itself.
        holder: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The file could not be made.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_whatever_becomes_of_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        File::create(path.join("file")).unwrap();
        let first = try_lock_directory(path).unwrap().unwrap();
        std::fs::remove_file(path.join("file")).unwrap();
        let copy = first.try_clone().unwrap();
        drop(first);
        assert!(try_lock_directory(path).unwrap().is_none());
        drop(copy);
        assert!(try_lock_directory(path).unwrap().is_some());
    }

    #[test]
    fn the_second_waits_and_says_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("lock");
        let first = HookLock::acquire(&path, "control build", Duration::ZERO).unwrap();
        let error = HookLock::acquire(&path, "control start", Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("control build, pid "), "{error}");

        let (sent, received) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let path = &path;
            scope.spawn(move || {
                let second = HookLock::acquire(path, "control start", Duration::from_secs(20));
                sent.send(second.is_ok()).unwrap();
            });
            drop(first);
            assert!(received.recv().unwrap());
        });
    }
}
