//! What is in a directory tree, one after the other.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use super::Descent;
use crate::disk::files::FileError;

/// A walk through all that is below a directory, in the order of the names; a directory comes before
/// what is in it, and once more after that. Trees of any depth, wider than any path, with any names: it
/// takes a few descriptors, and memory for the names in the directories on the way. No link is
/// followed but in the path of the root.
#[derive(Debug)]
pub struct Walk {
    root: Utf8PathBuf,
    descent: Descent,
    /// What is left of each directory on the way, the last first.
    left: Vec<Vec<(CString, FileType)>>,
    /// Names from the root to what was handed out last.
    names: Vec<CString>,
    below: PathBuf,
    kind: FileType,
    /// Whether what was handed out last is a directory to go into.
    enters: bool,
    forces: bool,
    ended: bool,
}

/// A step of a [`Walk`].
#[derive(Debug)]
pub enum Step<'a> {
    /// Something that is there; if it is a directory, what is in it comes next, unless the walk is told
    /// to [`skip`](Walk::skip) it.
    Entry(Entry<'a>),
    /// A directory again, when all that is in it has come.
    Left(Entry<'a>),
}

/// Something in a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    directory: BorrowedFd<'a>,
    name: &'a CStr,
    below: &'a Path,
    kind: FileType,
    depth: usize,
    root: &'a Utf8Path,
}

impl Walk {
    /// A walk through what is below `root`, a directory or a link to one.
    ///
    /// # Errors
    /// [`FileError`] naming `root`.
    pub fn new(root: &Utf8Path) -> Result<Self, FileError> {
        let failed = |source| FileError::new("read", root, source);
        let descent = Descent::at(root.as_std_path()).map_err(failed)?;
        Self::through(descent, root.to_owned())
    }

    /// A walk through what is below the place of `descent`, which is called `root` in errors.
    pub(super) fn through(descent: Descent, root: Utf8PathBuf) -> Result<Self, FileError> {
        let mut walk = Self {
            root,
            descent,
            left: Vec::new(),
            names: Vec::new(),
            below: PathBuf::new(),
            kind: FileType::Directory,
            enters: false,
            forces: false,
            ended: false,
        };
        let listed = walk.list().map_err(|source| walk.failed(source))?;
        walk.left.push(listed);
        Ok(walk)
    }

    /// Gives each directory a mode that lets its owner change it: all of them are to go.
    pub(super) fn forcing(mut self) -> Self {
        self.forces = true;
        self
    }

    /// Does not go into the directory that was handed out last.
    pub fn skip(&mut self) {
        self.enters = false;
    }

    /// The next step; `None` at the end. After an error it goes on behind what could not be read, if
    /// it can.
    #[allow(clippy::should_implement_trait, reason = "what it hands out is its own")]
    pub fn next(&mut self) -> Option<Result<Step<'_>, FileError>> {
        if self.ended {
            return None;
        }
        if std::mem::take(&mut self.enters) {
            if let Err(source) = self.enter() {
                return Some(Err(self.failed(source)));
            }
        } else if self.names.len() == self.left.len() {
            self.names.pop();
            self.below.pop();
        }
        match self.left.last_mut()?.pop() {
            Some((name, kind)) => {
                self.below.push(OsStr::from_bytes(name.to_bytes()));
                self.names.push(name);
                self.kind = kind;
                if kind == FileType::Unknown {
                    match self.entry().stat() {
                        Ok(stat) => self.kind = FileType::from_raw_mode(stat.st_mode),
                        Err(source) => return Some(Err(self.failed(source))),
                    }
                }
                self.enters = self.kind == FileType::Directory;
                Some(Ok(Step::Entry(self.entry())))
            }
            None => {
                self.left.pop();
                if self.left.is_empty() {
                    self.ended = true;
                    return None;
                }
                if let Err(source) = self.descent.leave() {
                    self.ended = true;
                    return Some(Err(self.failed(source)));
                }
                self.kind = FileType::Directory;
                Some(Ok(Step::Left(self.entry())))
            }
        }
    }

    fn enter(&mut self) -> io::Result<()> {
        let Some(name) = self.names.last() else {
            return Ok(());
        };
        match self.descent.enter(name.as_c_str()) {
            Err(e) if self.forces && e.kind() == io::ErrorKind::PermissionDenied => {
                let parent = self.descent.directory();
                rustix::fs::chmodat(parent, name.as_c_str(), Mode::RWXU, AtFlags::empty())?;
                self.descent.enter(name.as_c_str())?;
            }
            other => other?,
        }
        if self.forces {
            make_writable(self.descent.directory());
        }
        match self.list() {
            Ok(listed) => self.left.push(listed),
            Err(error) => {
                self.ended = self.descent.leave().is_err();
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is in the directory where it is, the last first.
    fn list(&self) -> io::Result<Vec<(CString, FileType)>> {
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut listing = RawDir::new(self.descent.directory(), buffer.spare_capacity_mut());
        let mut found = Vec::new();
        while let Some(entry) = listing.next() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                entry => entry?,
            };
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                found.push((entry.file_name().to_owned(), entry.file_type()));
            }
        }
        found.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        Ok(found)
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            directory: self.descent.directory(),
            name: self.names.last().map_or(c".", CString::as_c_str),
            below: &self.below,
            kind: self.kind,
            depth: self.names.len(),
            root: &self.root,
        }
    }

    fn failed(&self, source: io::Error) -> FileError {
        FileError::new("read", &shown(&self.root, &self.below), source)
    }
}

impl<'a> Entry<'a> {
    /// Its path below the root of the walk. It may be longer than the system takes: what is done with
    /// the entry itself is done by its name in its directory.
    #[must_use]
    pub fn below(&self) -> &'a Path {
        self.below
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a OsStr {
        OsStr::from_bytes(self.name.to_bytes())
    }

    /// The directory that it is in.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'a> {
        self.directory
    }

    /// How many directories it is below the root: 1 for what is in the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == FileType::Directory
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.kind == FileType::Symlink
    }

    /// What the system knows of it; of a link itself.
    ///
    /// # Errors
    /// What the system said.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::statat(self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(&self) -> io::Result<File> {
        // What is a pipe by now is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(self.directory, self.name, flags, Mode::empty())?.into())
    }

    /// What a link holds.
    ///
    /// # Errors
    /// What the system said.
    pub fn read_link(&self) -> io::Result<CString> {
        Ok(rustix::fs::readlinkat(self.directory, self.name, Vec::new())?)
    }

    /// An error of `action` on it.
    #[must_use]
    pub fn failed(&self, action: &'static str, source: io::Error) -> FileError {
        FileError::new(action, &self.shown(), source)
    }

    /// Its whole path for people; what is not UTF-8 is replaced, the middle of an endless one left out.
    #[must_use]
    pub fn shown(&self) -> Utf8PathBuf {
        shown(self.root, self.below)
    }
}

pub(super) fn make_writable(directory: impl AsFd) {
    let Ok(stat) = rustix::fs::fstat(&directory) else {
        return;
    };
    if !Mode::from_raw_mode(stat.st_mode).contains(Mode::RWXU) {
        // What still cannot be changed is reported by whoever tries.
        let _ = rustix::fs::fchmod(&directory, Mode::RWXU);
    }
}

/// The path of `below` in `root`, for people: what is not UTF-8 is replaced, the middle of an endless one
/// left out.
#[must_use]
pub fn shown(root: &Utf8Path, below: &Path) -> Utf8PathBuf {
    const HEAD: usize = 1000;
    const TAIL: usize = 100;
    if below.as_os_str().is_empty() {
        return root.to_owned();
    }
    let path = root.join(below.to_string_lossy().as_ref());
    let text = path.as_str();
    if text.len() <= HEAD + TAIL {
        return path;
    }
    let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}[...]{}", &text[..boundary(HEAD)], &text[boundary(text.len() - TAIL)..]).into()
}
