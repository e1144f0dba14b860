//! The way down into a directory tree.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::path::Arg;

/// So many directories of a way are held open. Most trees are no deeper.
const OPEN: usize = 16;

/// Directories from a root down to one of them, each named below the one before: however deep that
/// is, it takes a few descriptors and no path. No link is ever followed but in the path of the root.
#[derive(Debug)]
pub struct Descent {
    /// The innermost ones; the last is where it has come to.
    open: VecDeque<OwnedFd>,
    /// What identifies each, from the root on.
    known: Vec<(u64, u64)>,
}

impl Descent {
    /// At the directory `root`, or the one that a link of this name leads to.
    ///
    /// # Errors
    /// What the system said.
    pub fn at(root: impl Arg) -> io::Result<Self> {
        let directory = rustix::fs::openat(CWD, root, FLAGS, Mode::empty())?;
        Self::of(directory)
    }

    /// At the directory `name` in `parent`.
    ///
    /// # Errors
    /// What the system said; [`NotADirectory`](io::ErrorKind::NotADirectory) for a link.
    pub fn below(parent: impl AsFd, name: impl Arg) -> io::Result<Self> {
        Self::of(open(parent, name)?)
    }

    fn of(directory: OwnedFd) -> io::Result<Self> {
        let known = vec![identity(&directory)?];
        Ok(Self { open: VecDeque::from([directory]), known })
    }

    /// How many directories it is below the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.known.len() - 1
    }

    /// How many directories it holds open.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.open.len()
    }

    /// The directory where it is.
    ///
    /// # Panics
    /// Never: the innermost directory is open.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.open.back().expect("the innermost directory is open").as_fd()
    }

    /// Goes into the directory `name`.
    ///
    /// # Errors
    /// What the system said; [`NotADirectory`](io::ErrorKind::NotADirectory) for a link. It is where
    /// it was then.
    pub fn enter(&mut self, name: impl Arg) -> io::Result<()> {
        let directory = open(self.directory(), name)?;
        self.known.push(identity(&directory)?);
        self.open.push_back(directory);
        if self.open.len() > OPEN {
            self.open.pop_front();
        }
        Ok(())
    }

    /// Goes back to the directory above, and answers the one that was left.
    ///
    /// # Errors
    /// What the system said, also when somebody moved a directory meanwhile; it is where it was then.
    ///
    /// # Panics
    /// At the root.
    pub fn leave(&mut self) -> io::Result<OwnedFd> {
        assert!(self.depth() > 0, "nothing is above the root");
        if self.open.len() == 1 {
            let above = open(self.directory(), "..")?;
            if identity(&above)? != self.known[self.depth() - 1] {
                return Err(io::Error::other("somebody moved it while it was walked through"));
            }
            self.open.push_front(above);
        }
        self.known.pop();
        Ok(self.open.pop_back().expect("the innermost directory is open"))
    }
}

const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

fn open(parent: impl AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(parent, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?)
}

fn identity(directory: &OwnedFd) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}
