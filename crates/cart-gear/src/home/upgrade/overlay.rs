//! A new version of a cartridge laid over the one on a gear while that runs: nothing is deleted,
//! and each file is replaced at once (node-contract.md, Lifecycle, upgrade).

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::tree::{self, Descent, Entry, Step, Walk};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// How something is called until it is whole.
const BESIDE: &str = ".gear-upgrade.new";

/// Lays what is in `from` over what is in `to`. A program that runs keeps the file that it was
/// started from; whoever opens one sees the old or the new one. A file that is the same already is
/// left alone, and nothing is ever written through a link that stands where a directory must be.
///
/// # Errors
/// [`FileError`] naming what could not be read or replaced; it may be laid over again.
pub(super) fn overlay(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let mut walk = Walk::new(from)?;
    std::fs::create_dir_all(to).map_err(|e| FileError::new("make", to, e))?;
    let mut target = Descent::at(to.as_std_path()).map_err(|e| FileError::new("read", to, e))?;
    while let Some(step) = walk.next() {
        match step? {
            Step::Entry(entry) => replace(&entry, &mut target)
                .map_err(|e| FileError::new("replace", &tree::shown(to, entry.below()), e))?,
            Step::Left(entry) => {
                target.leave().map_err(|e| entry.failed("leave", e))?;
            }
        }
    }
    Ok(())
}

fn replace(entry: &Entry<'_>, target: &mut Descent) -> io::Result<()> {
    if entry.is_dir() {
        return enter(entry, target);
    }
    let place = target.directory();
    if entry.is_symlink() {
        let content = entry.read_link()?;
        let there = rustix::fs::readlinkat(place, entry.name(), Vec::new());
        if there.is_ok_and(|there| there == content) {
            return Ok(());
        }
        tree::remove_at(place, BESIDE.as_ref())?;
        rustix::fs::symlinkat(content.as_c_str(), place, BESIDE)?;
        put(entry, place)
    } else if entry.is_file() {
        replace_file(entry, place)
    } else {
        Ok(())
    }
}

fn enter(entry: &Entry<'_>, target: &mut Descent) -> io::Result<()> {
    match target.enter(entry.name()) {
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            tree::remove_at(target.directory(), entry.name())?;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    // Files are put into it next.
    let mode = Mode::from_raw_mode(entry.stat()?.st_mode & 0o777) | Mode::RWXU;
    rustix::fs::mkdirat(target.directory(), entry.name(), Mode::RWXU)?;
    rustix::fs::chmodat(target.directory(), entry.name(), mode, AtFlags::empty())?;
    target.enter(entry.name())
}

fn replace_file(entry: &Entry<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    let mut content = entry.open()?;
    let stat = rustix::fs::fstat(&content)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    if is_same(entry, place, mode)? {
        return Ok(());
    }
    tree::remove_at(place, BESIDE.as_ref())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let fresh = rustix::fs::openat(place, BESIDE, flags, Mode::RUSR | Mode::WUSR)?;
    let mut fresh = File::from(fresh);
    io::copy(&mut content, &mut fresh)?;
    rustix::fs::fchmod(&fresh, mode)?;
    fresh.sync_all()?;
    put(entry, place)
}

fn is_same(entry: &Entry<'_>, place: BorrowedFd<'_>, mode: Mode) -> io::Result<bool> {
    let Ok(there) = rustix::fs::statat(place, entry.name(), AtFlags::SYMLINK_NOFOLLOW) else {
        return Ok(false);
    };
    if FileType::from_raw_mode(there.st_mode) != FileType::RegularFile
        || Mode::from_raw_mode(there.st_mode) != mode
        || there.st_size != entry.stat()?.st_size
    {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(there) = rustix::fs::openat(place, entry.name(), flags, Mode::empty()) else {
        return Ok(false);
    };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    File::from(there).read_to_end(&mut old)?;
    entry.open()?.read_to_end(&mut new)?;
    Ok(old == new)
}

/// Puts what is whole in its place. Only a directory has to go before.
fn put(entry: &Entry<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    match rustix::fs::renameat(place, BESIDE, place, entry.name()) {
        Err(Errno::ISDIR) => {
            tree::remove_at(place, entry.name())?;
            Ok(rustix::fs::renameat(place, BESIDE, place, entry.name())?)
        }
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use camino::Utf8PathBuf;
    use cart_core::files;

    fn place() -> (tempfile::TempDir, Utf8PathBuf, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        for name in ["from/bin", "from/usr", "to/bin"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        (dir, root.join("from"), root.join("to"))
    }

    fn inode(path: &Utf8Path) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn files_are_replaced_by_others_and_the_rest_stays() {
        let (_keep, from, to) = place();
        files::write_atomic(&from.join("bin/run"), b"new", 0o755).unwrap();
        files::write_atomic(&from.join("bin/same"), b"same", 0o755).unwrap();
        symlink("run", from.join("bin/link")).unwrap();
        for (name, content) in [("run", "old"), ("same", "same"), ("own", "own")] {
            files::write_atomic(&to.join("bin").join(name), content.as_bytes(), 0o755).unwrap();
        }
        files::write_atomic(&to.join("bin/link"), b"a file", 0o644).unwrap();
        let running = File::open(to.join("bin/run")).unwrap();
        let same = inode(&to.join("bin/same"));

        overlay(&from, &to).unwrap();
        overlay(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("bin/run")).unwrap(), b"new");
        assert_eq!(running.metadata().unwrap().nlink(), 0, "who runs it keeps the old one");
        assert_eq!(inode(&to.join("bin/same")), same);
        assert!(to.join("bin/own").exists());
        assert_eq!(to.join("bin/link").read_link_utf8().unwrap(), "run");
        assert_eq!(fs::read_dir(to.join("bin")).unwrap().count(), 4);
    }

    #[test]
    fn a_shared_usr_becomes_a_copy_and_what_it_led_to_stays() {
        let (_keep, from, to) = place();
        let shared = to.parent().unwrap().join("shared");
        fs::create_dir(&shared).unwrap();
        files::write_atomic(&shared.join("data"), b"old", 0o644).unwrap();
        symlink(&shared, to.join("usr")).unwrap();
        files::write_atomic(&from.join("usr/data"), b"new", 0o644).unwrap();
        overlay(&from, &to).unwrap();
        assert_eq!(fs::read(shared.join("data")).unwrap(), b"old");
        assert_eq!(fs::read(to.join("usr/data")).unwrap(), b"new");
        assert!(!to.join("usr").is_symlink());
    }
}
