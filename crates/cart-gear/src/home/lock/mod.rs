//! One command at a time works on a gear: a lock on a file that lies outside the gear's home, so
//! that it outlives the home. The system takes it back when its holder dies.

use std::fmt;
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use cart_core::{lock, wait};
use serde::{Deserialize, Serialize};

use crate::layout::error::{GearError, Kind};
use crate::scripts::progress::Interrupts;

/// Held while it lives. What a command starts does not inherit it.
#[derive(Debug)]
pub struct GearLock {
    /// `None` only once its file is removed.
    file: Option<File>,
    path: Utf8PathBuf,
}

/// Who holds a lock, as the holder wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// What it does, `gear restart` for example.
    pub what: String,
    /// The process that does it.
    pub process: ProcessId,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (pid {})", self.what, self.process.pid)
    }
}

impl GearLock {
    /// Takes the lock `path` for this process, which does `what`. If another one has it, tells
    /// `waiting` once whom it waits for, and waits up to `limit` or until somebody interrupts.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn acquire(
        path: &Utf8Path,
        what: &str,
        limit: Duration,
        interrupts: &Interrupts,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Self, GearError> {
        let mut told = false;
        let outcome = wait::until(limit, || {
            match lock::try_lock(path) {
                Ok(Some(file)) => return Some(Ok(file)),
                Ok(None) => {}
                Err(error) => return Some(Err(error.into())),
            }
            if !told {
                told = true;
                waiting(&described(path));
            }
            interrupts.take().then(|| {
                let text = "interrupted while waiting for another command on this gear";
                Err(GearError::interrupted(text))
            })
        });
        let held = || {
            let (holder, seconds) = (described(path), limit.as_secs());
            let text = format!(
                "{holder} is still working on this gear after {seconds} seconds: wait for its end, or end it (lock file {path})"
            );
            GearError::Other { kind: Kind::Busy, text }
        };
        let mut lock = Self { file: Some(outcome.ok_or_else(held)??), path: path.to_owned() };
        lock.tell(what);
        Ok(lock)
    }

    /// Who holds the lock `path` now, if that process still runs. Does not touch the lock.
    #[must_use]
    pub fn holder(path: &Utf8Path) -> Option<LockHolder> {
        let content = files::read_if_exists(path).ok()??;
        let holder: LockHolder = serde_json::from_slice(&content).ok()?;
        holder.process.is_alive().then_some(holder)
    }

    /// Frees the lock and removes its file, because what it is about is gone. Somebody who waits
    /// for it notices and takes a new one.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub fn remove(mut self) -> Result<(), FileError> {
        let removed = files::remove_if_exists(&self.path);
        self.file = None;
        removed
    }

    /// On a full disk the lock holds all the same; only nobody learns whose it is.
    fn tell(&mut self, what: &str) {
        let holder = ProcessId::of(std::process::id())
            .map(|process| LockHolder { what: what.to_owned(), process })
            .and_then(|holder| serde_json::to_vec(&holder).ok())
            .unwrap_or_default();
        if let Some(file) = &mut self.file {
            let _ = lock::rewrite(file, &holder);
        }
    }
}

impl Drop for GearLock {
    fn drop(&mut self) {
        if let Some(file) = &mut self.file {
            let _ = lock::rewrite(file, b"");
        }
    }
}

fn described(path: &Utf8Path) -> String {
    GearLock::holder(path).map_or_else(|| "another command".to_owned(), |h| h.to_string())
}

#[cfg(test)]
mod tests;
