//! How much an archive may make of itself: a few bytes of it can stand for any number of zeros, of
//! files, or of letters of a name.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;

use super::shown;

use crate::layout::error::GearError;

/// What may still be taken of a disk.
#[derive(Debug)]
pub(super) struct Room {
    disk: Utf8PathBuf,
    /// In bytes; what is smaller takes one all the same.
    block: u64,
    bytes: Share,
    files: Share,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    left: u64,
    whole: u64,
}

/// What a further name in a directory takes at most, roughly.
const NAME: u64 = 512;

impl Room {
    /// Three quarters of what is free where `directory` is, for whoever is not root.
    pub(super) fn share_of(directory: &Utf8Path) -> Result<Self, FileError> {
        let stat = rustix::fs::statvfs(directory.as_std_path())
            .map_err(|e| FileError::new("look at the disk of", directory, e.into()))?;
        let block = stat.f_frsize.max(1);
        // A file system that does not count files has room for any number.
        let files = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Ok(Self::of(directory, stat.f_bavail.saturating_mul(block), files, block))
    }

    pub(super) fn of(disk: &Utf8Path, bytes: u64, files: u64, block: u64) -> Self {
        let share = |free: u64| Share { left: free / 4 * 3, whole: free / 4 * 3 };
        Self { disk: disk.to_owned(), block, bytes: share(bytes), files: share(files) }
    }

    pub(super) fn take_directory(&mut self, name: &[u8]) -> Result<(), GearError> {
        self.take(name, self.block, 1)
    }

    pub(super) fn take_file(&mut self, name: &[u8], size: u64) -> Result<(), GearError> {
        let blocks = size.div_ceil(self.block).max(1);
        self.take(name, blocks.saturating_mul(self.block), 1)
    }

    /// For a further name of a file.
    pub(super) fn take_name(&mut self, name: &[u8]) -> Result<(), GearError> {
        self.take(name, NAME, 0)
    }

    fn take(&mut self, name: &[u8], bytes: u64, files: u64) -> Result<(), GearError> {
        let refused = |most: String| {
            let (name, disk) = (shown(name), &self.disk);
            GearError::failed(format!(
                "{name} does not fit: all that is taken may have at most {most}, three quarters of what is free on the disk of {disk}. Make room and try again"
            ))
        };
        let Some(left) = self.bytes.left.checked_sub(bytes) else {
            return Err(refused(format!("{} MiB", self.bytes.whole >> 20)));
        };
        let Some(files) = self.files.left.checked_sub(files) else {
            return Err(refused(format!("{} files", self.files.whole)));
        };
        (self.bytes.left, self.files.left) = (left, files);
        Ok(())
    }
}

/// Reads on only as far as its allowance goes, if it has one.
pub(super) struct Metered<R> {
    from: R,
    allowance: Rc<Cell<Option<u64>>>,
}

impl<R> Metered<R> {
    /// With its allowance: how many bytes may be read until it is set anew.
    pub(super) fn new(from: R) -> (Self, Rc<Cell<Option<u64>>>) {
        let allowance = Rc::new(Cell::new(None));
        (Self { from, allowance: Rc::clone(&allowance) }, allowance)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(allowed) = self.allowance.get() else {
            return self.from.read(buffer);
        };
        if allowed == 0 && !buffer.is_empty() {
            return Err(io::Error::other(Spent));
        }
        let most = buffer.len().min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let count = self.from.read(&mut buffer[..most])?;
        self.allowance.set(Some(allowed - count as u64));
        Ok(count)
    }
}

/// The allowance is spent.
#[derive(Debug, thiserror::Error)]
#[error("more than may be read at once")]
pub(super) struct Spent;
