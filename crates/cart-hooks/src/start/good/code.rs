//! The app's code: what of it is there, whether two directories hold the same, and copying it.
//!
//! Version control and compiled Python are left out. Files of the repository are copied, never
//! linked: people and apps edit them in place. Where the file system can, a copy shares the blocks
//! until then. What is the same as in a former copy is linked to that, which nobody edits.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::tree::{self, Step, Walk};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// How much code is copied. A gear has 1 GiB and 80,000 files by default (node-contract.md,
/// Environment), in which the code stands once more for each deployment that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Bytes of all files together.
    pub(crate) bytes: u64,
    /// Files, directories and links.
    pub(crate) entries: usize,
    /// Bytes of a path below the directory: a copy has a path, too, and the system takes 4,096.
    pub(crate) path: usize,
}

/// More is an app with data or a foreign environment in its repository.
pub(crate) const LIMIT: Limit = Limit { bytes: 100 * 1024 * 1024, entries: 20_000, path: 3_000 };

/// What code is in a directory, in the order of a walk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Code {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Entry {
    below: PathBuf,
    what: What,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum What {
    Directory,
    File {
        size: u64,
        /// Seconds since 1970, and nanoseconds.
        modified: (i64, i64),
        mode: u32,
    },
    /// A link by an absolute path into the same directory.
    LinkInside(PathBuf),
    Link(PathBuf),
}

impl Code {
    /// The code in `root`; `None` when it is more than `limit`.
    ///
    /// # Errors
    /// [`FileError`] naming the directory, when it cannot be read.
    pub(crate) fn read(root: &Utf8Path, limit: Limit) -> Result<Option<Self>, FileError> {
        let real = root.canonicalize_utf8().map_err(|e| FileError::new("read", root, e))?;
        let mut code = Self { entries: Vec::new() };
        let mut bytes = 0;
        let mut walk = Walk::new(&real)?;
        while let Some(step) = walk.next() {
            let looked_at = match step {
                Ok(Step::Left(_)) => continue,
                Ok(Step::Entry(entry)) if !is_code(entry.name()) => {
                    walk.skip();
                    continue;
                }
                Ok(Step::Entry(entry)) if entry.below().as_os_str().len() > limit.path => {
                    return Ok(None);
                }
                Ok(Step::Entry(entry)) => look(&entry, root, &real),
                Err(error) => Err(error.source),
            };
            match looked_at {
                Ok(None) => {}
                Ok(Some(entry)) => {
                    if let What::File { size, .. } = entry.what {
                        bytes += size;
                    }
                    code.entries.push(entry);
                }
                // An app that runs may remove what it made.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(FileError::new("read", root, e)),
            }
            if bytes > limit.bytes || code.entries.len() > limit.entries {
                return Ok(None);
            }
        }
        Ok(Some(code))
    }

    /// Copies it from `from`, where it was read, into `to`, which must not exist. Files keep their
    /// modes and times, by which Python tells whether a compiled file is of theirs. `former` is a
    /// copy that was made before, as it is now.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied; a part may be left in `to`.
    pub(crate) fn copy(
        &self,
        from: &Utf8Path,
        to: &Utf8Path,
        former: Option<(&Self, &Utf8Path)>,
    ) -> Result<(), FileError> {
        let known: HashSet<&Entry> = former.iter().flat_map(|(code, _)| &code.entries).collect();
        let make = |path: &Path| fs::DirBuilder::new().mode(0o700).create(path);
        make(to.as_std_path()).map_err(|e| FileError::new("make", to, e))?;
        for entry in &self.entries {
            let Entry { below, what } = entry;
            let (source, copy) = (from.as_std_path().join(below), to.as_std_path().join(below));
            let done = match what {
                What::Directory => make(&copy),
                What::File { .. } => match former.filter(|_| known.contains(entry)) {
                    Some((_, root)) => fs::hard_link(root.as_std_path().join(below), &copy)
                        .or_else(|_| copy_file(&source, &copy)),
                    None => copy_file(&source, &copy),
                },
                What::LinkInside(target) => symlink(to.as_std_path().join(target), &copy),
                What::Link(target) => symlink(target, &copy),
            };
            match done {
                Err(e) if e.kind() == ErrorKind::NotFound && !source.exists() => {}
                Err(e) => {
                    let name = source.to_string_lossy();
                    return Err(FileError::new("copy", Utf8Path::new(name.as_ref()), e));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

fn is_code(name: &OsStr) -> bool {
    name != ".git" && name != "__pycache__"
}

/// `None` for sockets, pipes and devices.
fn look(entry: &tree::Entry<'_>, root: &Utf8Path, real: &Utf8Path) -> io::Result<Option<Entry>> {
    let below = entry.below().to_owned();
    let what = if entry.is_dir() {
        What::Directory
    } else if entry.is_symlink() {
        let target = PathBuf::from(OsString::from_vec(entry.read_link()?.into_bytes()));
        match target.strip_prefix(root).or_else(|_| target.strip_prefix(real)) {
            Ok(inside) => What::LinkInside(inside.to_owned()),
            Err(_) => What::Link(target),
        }
    } else if entry.is_file() {
        let stat = entry.stat()?;
        What::File {
            size: stat.st_size.try_into().unwrap_or_default(),
            modified: (stat.st_mtime, stat.st_mtime_nsec.try_into().unwrap_or_default()),
            mode: stat.st_mode & 0o7777,
        }
    } else {
        return Ok(None);
    };
    Ok(Some(Entry { below, what }))
}

fn copy_file(source: &Path, copy: &Path) -> io::Result<()> {
    // Before the copy: what is written meanwhile makes the two differ.
    let metadata = fs::metadata(source)?;
    fs::copy(source, copy)?;
    let modified = Timespec { tv_sec: metadata.mtime(), tv_nsec: metadata.mtime_nsec() };
    let times = Timestamps { last_access: modified, last_modification: modified };
    Ok(utimensat(CWD, copy, &times, AtFlags::empty())?)
}

#[cfg(test)]
mod tests;
