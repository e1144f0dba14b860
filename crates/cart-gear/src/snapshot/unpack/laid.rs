//! The directories of what is laid out. An archive names them in any order and as deep as it likes.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::tree::{self, Descent};
use rustix::fs::{AtFlags, FileType, Mode, Timespec, Timestamps};
use rustix::io::Errno;

use crate::layout::error::GearError;

/// The way to a directory of what is laid out. Those on it may be written to; each gets its mode and
/// time when it is left.
pub(super) struct Laid {
    root: Utf8PathBuf,
    descent: Descent,
    way: Vec<Level>,
}

struct Level {
    name: Vec<u8>,
    /// The mode and the time that it will have; `None` when nobody said.
    will_have: Option<(Mode, Timespec)>,
}

impl Laid {
    pub(super) fn in_directory(root: &Utf8Path) -> Result<Self, FileError> {
        let descent =
            Descent::at(root.as_std_path()).map_err(|e| FileError::new("read", root, e))?;
        Ok(Self { root: root.to_owned(), descent, way: Vec::new() })
    }

    /// The directory where it is.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.descent.directory()
    }

    /// Goes to the directory of these names. What is missing of it is made, if `may` allows it. Answers
    /// whether it is there: something else may have its name.
    pub(super) fn go(
        &mut self,
        to: &[Vec<u8>],
        mut may: impl FnMut(&[u8]) -> Result<(), GearError>,
    ) -> Result<bool, GearError> {
        let common = self.way.iter().zip(to).take_while(|(level, name)| level.name == **name);
        let common = common.count();
        while self.way.len() > common {
            self.leave()?;
        }
        for name in &to[common..] {
            if !self.enter(name, || may(name))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As [`go`](Self::go), into the directory `name` of the one where it is.
    pub(super) fn enter(
        &mut self,
        name: &[u8],
        may: impl FnOnce() -> Result<(), GearError>,
    ) -> Result<bool, GearError> {
        let failed = |e: io::Error| self.failed(name, e);
        let here = self.descent.directory();
        let will_have = match rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                let mode = Mode::from_raw_mode(stat.st_mode);
                if !mode.contains(Mode::RWXU) {
                    rustix::fs::chmodat(here, name, mode | Mode::RWXU, AtFlags::empty())
                        .map_err(|e| failed(e.into()))?;
                }
                let nanoseconds = stat.st_mtime_nsec.try_into().unwrap_or_default();
                Some((mode, Timespec { tv_sec: stat.st_mtime, tv_nsec: nanoseconds }))
            }
            Ok(_) => return Ok(false),
            Err(Errno::NOENT) => {
                may()?;
                let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP;
                rustix::fs::mkdirat(here, name, mode).map_err(|e| failed(e.into()))?;
                None
            }
            Err(error) => return Err(failed(error.into()).into()),
        };
        self.descent.enter(name).map_err(|e| self.failed(name, e))?;
        self.way.push(Level { name: name.to_vec(), will_have });
        Ok(true)
    }

    /// Says what the directory where it is has in the end; the time in seconds since 1970.
    pub(super) fn will_have(&mut self, mode: Mode, time: i64) {
        if let Some(level) = self.way.last_mut() {
            level.will_have = Some((mode, Timespec { tv_sec: time, tv_nsec: 0 }));
        }
    }

    /// Leaves all directories.
    pub(super) fn finish(&mut self) -> Result<(), FileError> {
        while !self.way.is_empty() {
            self.leave()?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), FileError> {
        let left = self.descent.leave().map_err(|e| self.failed(b"", e))?;
        let Some(level) = self.way.pop() else { return Ok(()) };
        let Some((mode, time)) = level.will_have else { return Ok(()) };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::fchmod(&left, mode)
            .and_then(|()| rustix::fs::futimens(&left, &times))
            .map_err(|e| self.failed(&level.name, e.into()))
    }

    /// An error of what is called `name` where it is.
    pub(super) fn failed(&self, name: &[u8], source: io::Error) -> FileError {
        use std::os::unix::ffi::OsStrExt;
        let names = self.way.iter().map(|level| level.name.as_slice()).chain([name]);
        let below: PathBuf = names.map(std::ffi::OsStr::from_bytes).collect();
        FileError::new("write", &tree::shown(&self.root, &below), source)
    }
}

/// As the times of the last access and of the last change.
pub(super) fn both(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
