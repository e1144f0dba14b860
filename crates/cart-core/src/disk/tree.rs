//! Directory trees: walking through them, copying them (modes, times and symbolic links as they are),
//! removing them, and putting one in the place of another at once.
//!
//! An app makes trees as it likes: none is too deep, and names need not be UTF-8. Nothing here goes
//! through a tree by paths, nor by recursion.

mod descent;
mod former;
mod walk;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::path::Arg;

pub use descent::Descent;
pub use walk::{Entry, Step, Walk, shown};

use crate::disk::files::FileError;
use former::Former;

/// Copies what is in `from` into the directory `to`, which may be there already; files of the
/// same name are replaced. A path below `from` for which `leave_out` answers true is left out,
/// with all that is below it. Sockets, pipes and devices are left out.
///
/// # Errors
/// [`FileError`] naming the file that could not be read or written.
pub fn copy(
    from: &Utf8Path,
    to: &Utf8Path,
    leave_out: impl Fn(&Path) -> bool,
) -> Result<(), FileError> {
    copy_sharing(from, to, Directories::Kept, leave_out, |_| false)
}

/// Which modes the directories of a copy have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    /// Those of the directories that are copied.
    Kept,
    /// Those of new ones, as the umask has it: whoever copies can write into each.
    New,
}

/// As [`copy`], but a file for which `shares` answers true is no copy where that can be: it gets another
/// name (a hard link), and so takes no room, neither on the disk nor in memory while it runs. Whoever
/// writes into one writes into both; whoever replaces one does not.
///
/// # Errors
/// As [`copy`].
pub fn copy_sharing(
    from: &Utf8Path,
    to: &Utf8Path,
    directories: Directories,
    leave_out: impl Fn(&Path) -> bool,
    shares: impl Fn(&Entry<'_>) -> bool,
) -> Result<(), FileError> {
    copy_by(from, to, directories, leave_out, |entry, target| match shares(entry) {
        true => share(entry, target),
        false => entry.copy_into(target.directory()),
    })
}

/// As [`copy`] of everything, but a file that is in the directory `former`, too, with the same content,
/// mode and time, is that one by another name (a hard link): where a file takes long to make, or
/// room, there is little of it left when little has changed. `former` must be a copy that nobody
/// writes into, as `to` is then; where it is missing, everything is copied.
///
/// # Errors
/// As [`copy`].
pub fn copy_linking(from: &Utf8Path, to: &Utf8Path, former: &Utf8Path) -> Result<(), FileError> {
    let former = Former::open(former);
    copy_by(
        from,
        to,
        Directories::Kept,
        |_| false,
        |entry, target| {
            let linked = former.as_ref().is_some_and(|former| former.link(entry, target));
            if linked { Ok(()) } else { entry.copy_into(target.directory()) }
        },
    )
}

/// Copies with `file` what is a regular file.
fn copy_by(
    from: &Utf8Path,
    to: &Utf8Path,
    directories: Directories,
    leave_out: impl Fn(&Path) -> bool,
    file: impl Fn(&Entry<'_>, &Descent) -> io::Result<()>,
) -> Result<(), FileError> {
    let failed = |source| FileError::new("make", to, source);
    let mode = fs::metadata(from).map_err(|e| FileError::new("read", from, e))?.permissions();
    let mut walk = Walk::new(from)?;
    fs::create_dir_all(to).map_err(failed)?;
    let mut target = Descent::at(to.as_std_path()).map_err(failed)?;
    while let Some(step) = walk.next() {
        match step? {
            Step::Entry(entry) if leave_out(entry.below()) => walk.skip(),
            Step::Entry(entry) if entry.is_file() => file(&entry, &target)
                .map_err(|source| FileError::new("copy", &entry.shown(), source))?,
            Step::Entry(entry) => copy_entry(&entry, &mut target, directories)
                .map_err(|source| FileError::new("copy", &entry.shown(), source))?,
            // A directory without the permission to write must be filled before it gets its mode.
            Step::Left(entry) => finish_directory(&entry, &mut target, directories)
                .map_err(|source| FileError::new("set the mode of", &entry.shown(), source))?,
        }
    }
    if directories == Directories::New {
        return Ok(());
    }
    fs::set_permissions(to, fs::Permissions::from_mode(mode.mode() & 0o7777))
        .map_err(|e| FileError::new("set the mode of", to, e))
}

/// Tells `told` what by a look at each file below `directory`, not into it, shows whether anything has been
/// changed there: names, and `of` each file what counts of it. What Python compiles beside others
/// (`__pycache__`) is left out.
///
/// # Errors
/// [`FileError`] naming what could not be looked at.
pub fn glance(
    directory: &Utf8Path,
    of: impl Fn(&Stat) -> String,
    mut told: impl FnMut(&[u8]),
) -> Result<(), FileError> {
    let mut walk = Walk::new(directory)?;
    while let Some(step) = walk.next() {
        match step? {
            Step::Entry(entry) if entry.name() == "__pycache__" => walk.skip(),
            Step::Entry(entry) => {
                // Names alone tell the path, by the depth.
                told(format!("\0{} ", entry.depth()).as_bytes());
                told(entry.name().as_bytes());
                // A directory changes with what is compiled in it.
                if !entry.is_dir() {
                    let stat = entry.stat().map_err(|source| entry.failed("look at", source))?;
                    told(of(&stat).as_bytes());
                }
            }
            Step::Left(_) => {}
        }
    }
    Ok(())
}

/// Puts the directory `new` in the place of `current`, so that whoever looks into `current` sees the
/// one or the other, never neither. `new` holds what was there then; where nothing was, there is no
/// `new` afterwards. A file system that cannot exchange two names gets renames with a moment in
/// between; what a kill in that moment leaves behind is removed by [`discard`].
///
/// # Errors
/// [`FileError`] naming `current`, which is as it was.
pub fn exchange(new: &Utf8Path, current: &Utf8Path) -> Result<(), FileError> {
    let (from, to) = (new.as_std_path(), current.as_std_path());
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => fs::rename(new, current),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => exchange_in_steps(new, current),
        Err(error) => Err(error.into()),
    }
    .map_err(|source| FileError::new("replace", current, source))
}

fn exchange_in_steps(new: &Utf8Path, current: &Utf8Path) -> io::Result<()> {
    let aside = aside(new);
    fs::rename(current, &aside)?;
    fs::rename(new, current).inspect_err(|_| {
        // The only way back; if it fails too, the error of the first is the one to tell.
        let _ = fs::rename(&aside, current);
    })?;
    fs::rename(&aside, new)
}

/// The name that the old directory has while an exchange is made in steps.
fn aside(new: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{new}.old"))
}

/// Removes `new`, and what an [`exchange`] of it left behind that was killed; either may be missing.
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub fn discard(new: &Utf8Path) -> Result<(), FileError> {
    remove(new)?;
    remove(&aside(new))
}

/// Removes everything in a directory, but not the directory.
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub fn empty(directory: &Utf8Path) -> Result<(), FileError> {
    clear(Walk::new(directory)?.forcing())
}

/// Removes a file, a link or a whole directory; one that is missing is removed already. Read-only
/// directories are no obstacle.
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub fn remove(path: &Utf8Path) -> Result<(), FileError> {
    remove_in(CWD, path.as_std_path(), path)
}

/// As [`remove`], of what is called `name` in `directory`.
///
/// # Errors
/// What the system said of the first thing that could not be removed.
pub fn remove_at(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let shown = name.to_string_lossy();
    remove_in(directory, name, Utf8Path::new(shown.as_ref())).map_err(|error| error.source)
}

fn remove_in(
    parent: BorrowedFd<'_>,
    name: impl Arg + Copy,
    shown: &Utf8Path,
) -> Result<(), FileError> {
    let failed = |source: io::Error| FileError::new("remove", shown, source);
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return gone(other).map_err(failed),
    }
    let walk = match Descent::below(parent, name) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())
                .map_err(|e| failed(e.into()))?;
            Descent::below(parent, name)
        }
        other => other,
    };
    let descent = match walk {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    walk::make_writable(descent.directory());
    clear(Walk::through(descent, shown.to_owned())?.forcing())?;
    gone(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)).map_err(failed)
}

/// Removes all that a walk goes through.
fn clear(mut walk: Walk) -> Result<(), FileError> {
    while let Some(step) = walk.next() {
        let (entry, flags) = match step {
            // An app that runs may remove what it made.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(FileError { action: "remove", ..error }),
            Ok(Step::Entry(entry)) if entry.is_dir() => continue,
            Ok(Step::Entry(entry)) => (entry, AtFlags::empty()),
            Ok(Step::Left(entry)) => (entry, AtFlags::REMOVEDIR),
        };
        gone(rustix::fs::unlinkat(entry.directory(), entry.name(), flags))
            .map_err(|source| entry.failed("remove", source))?;
    }
    Ok(())
}

fn gone(removed: Result<(), Errno>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a directory, or copies a link; of what is no file either, there is no copy.
fn copy_entry(entry: &Entry<'_>, target: &mut Descent, directories: Directories) -> io::Result<()> {
    if entry.is_dir() {
        return enter_made(entry, target, directories);
    }
    let place = target.directory();
    if entry.is_symlink() {
        let content = entry.read_link()?;
        in_the_place_of(place, entry, || {
            rustix::fs::symlinkat(content.as_c_str(), place, entry.name())
        })
    } else {
        Ok(())
    }
}

/// Gives a file another name in the target, or copies it: on another file system say, or where the system
/// lets nobody link what is another user's.
fn share(entry: &Entry<'_>, target: &Descent) -> io::Result<()> {
    let place = target.directory();
    let link = || {
        let (from, name) = (entry.directory(), entry.name());
        rustix::fs::linkat(from, name, place, name, AtFlags::empty())
    };
    in_the_place_of(place, entry, link).or_else(|_| entry.copy_into(place))
}

fn enter_made(entry: &Entry<'_>, target: &mut Descent, directories: Directories) -> io::Result<()> {
    let mode = match directories {
        Directories::Kept => Mode::RWXU,
        Directories::New => Mode::RWXU | Mode::RWXG | Mode::RWXO,
    };
    let make = |target: &Descent| rustix::fs::mkdirat(target.directory(), entry.name(), mode);
    match make(target) {
        Err(Errno::EXIST) => {}
        other => other?,
    }
    match target.enter(entry.name()) {
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            rustix::fs::unlinkat(target.directory(), entry.name(), AtFlags::empty())?;
            make(target)?;
            target.enter(entry.name())
        }
        other => other,
    }
}

fn finish_directory(
    entry: &Entry<'_>,
    target: &mut Descent,
    directories: Directories,
) -> io::Result<()> {
    let made = target.leave()?;
    if directories == Directories::Kept {
        rustix::fs::fchmod(made, Mode::from_raw_mode(entry.stat()?.st_mode & 0o7777))?;
    }
    Ok(())
}

impl Entry<'_> {
    /// Copies a file into the directory `place`, under its name; what is there already is removed. It
    /// keeps its mode, and its time: Python and nginx tell by that whether it is what they have read.
    ///
    /// # Errors
    /// What the system said.
    pub fn copy_into(&self, place: BorrowedFd<'_>) -> io::Result<()> {
        let mut source = self.open()?;
        let stat = rustix::fs::fstat(&source)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let made =
            in_the_place_of(place, self, || rustix::fs::openat(place, self.name(), flags, mode))?;
        let mut copy = File::from(made);
        io::copy(&mut source, &mut copy)?;
        rustix::fs::fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
        let nanoseconds = |n| rustix::fs::Nsecs::try_from(n).unwrap_or_default();
        let time = |seconds, n| Timespec { tv_sec: seconds, tv_nsec: nanoseconds(n) };
        let times = Timestamps {
            last_access: time(stat.st_atime, stat.st_atime_nsec),
            last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
        };
        Ok(rustix::fs::futimens(&copy, &times)?)
    }
}

/// Makes something of the entry's name in `place`; what is there already is removed.
fn in_the_place_of<T>(
    place: BorrowedFd<'_>,
    entry: &Entry<'_>,
    make: impl Fn() -> Result<T, Errno>,
) -> io::Result<T> {
    match make() {
        Err(Errno::EXIST) => {
            remove_at(place, entry.name())?;
            Ok(make()?)
        }
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests;
