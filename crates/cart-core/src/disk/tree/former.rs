//! A copy of a tree that was made before, of which files can be had instead of made again.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};

use super::{Descent, Entry};

/// A directory with a former copy.
#[derive(Debug)]
pub(super) struct Former(OwnedFd);

impl Former {
    /// The one at `path`, if there is any.
    pub(super) fn open(path: &Utf8Path) -> Option<Self> {
        // A link could lead to what is being copied.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::open(path.as_std_path(), flags, Mode::empty()).ok().map(Self)
    }

    /// Gives the file of it that is as `entry` is a name in `target`; answers whether there is one
    /// now. What stands in the way of that, stands in the way of a copy, too, or is none of its.
    pub(super) fn link(&self, entry: &Entry<'_>, target: &Descent) -> bool {
        let link = || -> io::Result<bool> {
            let Some(file) = self.same(entry)? else { return Ok(false) };
            // The very file that was compared.
            let known = format!("/proc/self/fd/{}", file.as_raw_fd());
            let (place, flags) = (target.directory(), AtFlags::SYMLINK_FOLLOW);
            rustix::fs::linkat(CWD, known, place, entry.name(), flags)?;
            Ok(true)
        };
        link().unwrap_or(false)
    }

    /// The file under the same path, if it has the same mode, time and content. An older system
    /// that cannot be told to follow no link on the way has none.
    fn same(&self, entry: &Entry<'_>) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let known: File =
            rustix::fs::openat2(&self.0, entry.below(), flags, Mode::empty(), inside)?.into();
        let (mut one, mut other) = (entry.open()?, &known);
        let (a, b) = (rustix::fs::fstat(&one)?, rustix::fs::fstat(other)?);
        let alike = (a.st_mode, a.st_uid, a.st_gid, a.st_size, a.st_mtime, a.st_mtime_nsec)
            == (b.st_mode, b.st_uid, b.st_gid, b.st_size, b.st_mtime, b.st_mtime_nsec);
        Ok((alike && same_content(&mut one, &mut other)?).then_some(known))
    }
}

fn same_content(one: &mut impl Read, other: &mut impl Read) -> io::Result<bool> {
    const PART: u64 = 64 * 1024;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    loop {
        a.clear();
        b.clear();
        one.by_ref().take(PART).read_to_end(&mut a)?;
        other.by_ref().take(PART).read_to_end(&mut b)?;
        if a != b {
            return Ok(false);
        }
        if a.is_empty() {
            return Ok(true);
        }
    }
}
