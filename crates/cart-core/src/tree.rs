//! Copying directory trees (modes, times and symbolic links as they are), removing them, and putting
//! one in the place of another at once.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use walkdir::WalkDir;

use crate::files::FileError;

/// Copies what is in `from` into the directory `to`, which may be there already; files of the
/// same name are replaced. A path below `from` for which `leave_out` answers true is left out,
/// with all that is below it. Sockets, pipes and devices are left out.
///
/// # Errors
/// [`FileError`] naming the file that could not be read or written.
pub fn copy(
    from: &Utf8Path,
    to: &Utf8Path,
    leave_out: impl Fn(&Utf8Path) -> bool,
) -> Result<(), FileError> {
    let mut directories = Vec::new();
    let entries = WalkDir::new(from).into_iter().filter_entry(|entry| {
        let path = Utf8Path::from_path(entry.path());
        let below = path.and_then(|path| path.strip_prefix(from).ok());
        entry.depth() == 0 || !below.is_some_and(&leave_out)
    });
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(from, e))?;
        let source = utf8(entry.path(), from)?;
        // Every entry of a walk starts with the walk's root.
        let below = source.strip_prefix(from).unwrap_or(&source);
        let target = to.join(below);
        let kind = entry.file_type();
        // The root itself may be a link to a directory; its entry then says so.
        if kind.is_dir() || entry.depth() == 0 {
            fs::create_dir_all(&target).map_err(|e| FileError::new("make", &target, e))?;
            directories.push((source, target));
        } else if kind.is_symlink() {
            copy_link(&source, &target)?;
        } else if kind.is_file() {
            remove_in_the_way(&target)?;
            fs::copy(&source, &target).map_err(|e| FileError::new("copy", &source, e))?;
            keep_time(&source, &target)?;
        }
    }
    // A directory without the permission to write must be filled before it gets its mode.
    directories.iter().rev().try_for_each(|(source, target)| {
        let mode = fs::metadata(source)
            .map_err(|e| FileError::new("read", source, e))?
            .permissions()
            .mode();
        fs::set_permissions(target, fs::Permissions::from_mode(mode & 0o7777))
            .map_err(|e| FileError::new("set the mode of", target, e))
    })
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
    let failed = |source| FileError::new("empty", directory, source);
    for entry in directory.read_dir_utf8().map_err(failed)? {
        remove(entry.map_err(failed)?.path())?;
    }
    Ok(())
}

/// Removes a file, a link or a whole directory; one that is missing is removed already. Read-only
/// directories are no obstacle.
///
/// # Errors
/// [`FileError`] naming it.
pub fn remove(path: &Utf8Path) -> Result<(), FileError> {
    let is_directory = path.symlink_metadata().is_ok_and(|m| m.is_dir());
    let attempt = || {
        if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    };
    match attempt() {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && is_directory => {
            make_writable(path);
            attempt()
        }
        other => other,
    }
    .or_else(|e| match e.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(FileError::new("remove", path, e)),
    })
}

fn make_writable(path: &Utf8Path) {
    // `WalkDir` lists a directory after it has handed it out, so its new mode counts.
    for entry in WalkDir::new(path).into_iter().flatten() {
        if entry.file_type().is_dir() {
            // What still cannot be written is reported by the removal.
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
        }
    }
}

/// Python and nginx tell by a file's time whether it is what they have read already.
fn keep_time(source: &Utf8Path, target: &Utf8Path) -> Result<(), FileError> {
    let failed = |e| FileError::new("set the time of", target, e);
    let stat = rustix::fs::stat(source.as_std_path()).map_err(|e| failed(e.into()))?;
    let nanoseconds = |n| rustix::fs::Nsecs::try_from(n).unwrap_or_default();
    let times = Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: nanoseconds(stat.st_atime_nsec) },
        last_modification: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: nanoseconds(stat.st_mtime_nsec),
        },
    };
    rustix::fs::utimensat(CWD, target.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|e| failed(e.into()))
}

fn copy_link(source: &Utf8Path, target: &Utf8Path) -> Result<(), FileError> {
    let content = fs::read_link(source).map_err(|e| FileError::new("read the link", source, e))?;
    remove_in_the_way(target)?;
    symlink(content, target).map_err(|e| FileError::new("make the link", target, e))
}

fn remove_in_the_way(target: &Utf8Path) -> Result<(), FileError> {
    match target.symlink_metadata() {
        Ok(_) => remove(target),
        Err(_) => Ok(()),
    }
}

fn utf8(path: &std::path::Path, root: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    Utf8PathBuf::from_path_buf(path.to_owned()).map_err(|path| {
        let reason = format!("{} has a name that is not UTF-8", path.display());
        FileError::new("copy", root, io::Error::other(reason))
    })
}

fn unreadable(root: &Utf8Path, error: walkdir::Error) -> FileError {
    let path = error.path().and_then(Utf8Path::from_path).unwrap_or(root);
    let path = path.to_owned();
    FileError::new("read", &path, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn modes_links_and_hidden_files_are_kept_and_named_ones_left_out() {
        let (_keep, dir) = directory();
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(from.join("sub/__pycache__")).unwrap();
        fs::create_dir_all(from.join(".git")).unwrap();
        files::write_atomic(&from.join("sub/run"), b"#!", 0o750).unwrap();
        files::write_atomic(&from.join(".hidden"), b"h", 0o600).unwrap();
        symlink("sub/run", from.join("link")).unwrap();
        symlink("nowhere", from.join("dangling")).unwrap();
        let unwanted = |path: &Utf8Path| path == ".git" || path.ends_with("__pycache__");
        copy(&from, &to, unwanted).unwrap();
        copy(&from, &to, unwanted).unwrap();
        let mode = |n: &str| fs::metadata(to.join(n)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("sub/run"), mode(".hidden")), (0o750, 0o600));
        assert_eq!(fs::read_link(to.join("link")).unwrap().to_str(), Some("sub/run"));
        assert!(to.join("dangling").symlink_metadata().is_ok());
        assert!(!to.join(".git").exists() && !to.join("sub/__pycache__").exists());
    }

    #[test]
    fn a_copy_has_the_time_of_what_was_copied() {
        let (_keep, dir) = directory();
        fs::create_dir(dir.join("from")).unwrap();
        let file = dir.join("from/f");
        files::write_atomic(&file, b"", 0o444).unwrap();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_millis(951_782_400_250);
        fs::File::open(&file).unwrap().set_modified(long_ago).unwrap();
        copy(&dir.join("from"), &dir.join("to"), |_| false).unwrap();
        assert_eq!(dir.join("to/f").metadata().unwrap().modified().unwrap(), long_ago);
    }

    fn two_directories(dir: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
        for name in ["new", "current"] {
            fs::create_dir(dir.join(name)).unwrap();
            files::write_atomic(&dir.join(name).join(name), b"", 0o644).unwrap();
        }
        (dir.join("new"), dir.join("current"))
    }

    #[test]
    fn two_directories_change_places() {
        let (_keep, dir) = directory();
        let (new, current) = two_directories(&dir);
        exchange(&new, &current).unwrap();
        assert!(current.join("new").exists() && new.join("current").exists());
        let error = exchange(&dir.join("missing"), &current).unwrap_err();
        assert!(error.to_string().contains("current"), "{error}");
        assert!(current.join("new").exists());
        exchange(&current, &dir.join("missing")).unwrap();
        assert!(dir.join("missing/new").exists() && !current.exists());
    }

    #[test]
    fn where_names_cannot_be_exchanged_renames_do_it() {
        let (_keep, dir) = directory();
        let (new, current) = two_directories(&dir);
        exchange_in_steps(&new, &current).unwrap();
        assert!(current.join("new").exists() && new.join("current").exists());
        assert_eq!(dir.read_dir_utf8().unwrap().count(), 2, "something is left behind");
    }

    #[test]
    fn what_a_kill_between_two_renames_left_aside_is_discarded() {
        let (_keep, dir) = directory();
        let (new, current) = two_directories(&dir);
        fs::rename(current, aside(&new)).unwrap();
        discard(&new).unwrap();
        assert_eq!(dir.read_dir_utf8().unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_is_a_link_is_followed() {
        let (_keep, dir) = directory();
        fs::create_dir(dir.join("real")).unwrap();
        files::write_atomic(&dir.join("real/f"), b"", 0o644).unwrap();
        symlink("real", dir.join("link")).unwrap();
        copy(&dir.join("link"), &dir.join("to"), |_| false).unwrap();
        assert!(dir.join("to/f").is_file());
    }

    #[test]
    fn read_only_directories_are_copied_and_removed() {
        let (_keep, dir) = directory();
        fs::create_dir_all(dir.join("from/shut")).unwrap();
        files::write_atomic(&dir.join("from/shut/f"), b"", 0o444).unwrap();
        fs::set_permissions(dir.join("from/shut"), fs::Permissions::from_mode(0o555)).unwrap();
        copy(&dir.join("from"), &dir.join("to"), |_| false).unwrap();
        assert!(dir.join("to/shut/f").is_file());
        remove(&dir.join("to")).unwrap();
        remove(&dir.join("to")).unwrap();
        remove(&dir.join("from")).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_source_is_named() {
        let (_keep, dir) = directory();
        let error = copy(&dir.join("missing"), &dir.join("to"), |_| false).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
