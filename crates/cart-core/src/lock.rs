//! One hook at a time: a lock on a file, which the system takes back when its holder dies.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::FileError;
use crate::wait;

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
        let failed = |source| FileError::new("lock", path, source);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let outcome = wait::until(limit, || match file.try_lock() {
            Ok(()) => Some(Ok(())),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(e)) => Some(Err(e)),
        });
        match outcome {
            Some(Ok(())) => {
                // On a full disk the lock holds all the same; only nobody learns whose it is.
                let _ = write_holder(&mut file, holder);
                Ok(Self { _file: file })
            }
            Some(Err(e)) => Err(failed(e).into()),
            None => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                Err(LockError::Held {
                    path: path.to_owned(),
                    holder: holder.trim().to_owned(),
                    seconds: limit.as_secs(),
                })
            }
        }
    }
}

fn write_holder(file: &mut File, holder: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{holder}, pid {}", std::process::id())
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
