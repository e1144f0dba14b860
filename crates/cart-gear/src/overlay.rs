//! A new version of a cartridge laid over the one on a gear while that runs: nothing is deleted,
//! and each file is replaced at once (node-contract.md, Lifecycle, upgrade).

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use walkdir::WalkDir;

/// Lays what is in `from` over what is in `to`. A program that runs keeps the file that it was
/// started from; whoever opens one sees the old or the new one. A file that is the same already is
/// left alone, and nothing is ever written through a link that stands where a directory must be.
///
/// # Errors
/// [`FileError`] naming what could not be read or replaced; it may be laid over again.
pub fn overlay(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    for entry in WalkDir::new(from).sort_by_file_name() {
        let entry = entry.map_err(|e| FileError::new("read", from, e.into()))?;
        let source = Utf8PathBuf::from_path_buf(entry.path().to_owned()).map_err(|path| {
            let reason = format!("{} has a name that is not UTF-8", path.display());
            FileError::new("copy", from, io::Error::other(reason))
        })?;
        // Every entry of a walk starts with the walk's root.
        let below = source.strip_prefix(from).unwrap_or(&source);
        let target = if below.as_str().is_empty() { to.to_owned() } else { to.join(below) };
        let kind = entry.file_type();
        if kind.is_dir() || entry.depth() == 0 {
            make_directory(&source, &target)?;
        } else if kind.is_symlink() {
            replace_link(&source, &target)?;
        } else if kind.is_file() {
            replace_file(&source, &target)?;
        }
    }
    Ok(())
}

fn make_directory(source: &Utf8Path, target: &Utf8Path) -> Result<(), FileError> {
    if target.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    files::remove_if_exists(target)?;
    let mode = fs::metadata(source).map_err(|e| FileError::new("read", source, e))?;
    // Files are put into it next.
    files::create_dir(target, (mode.permissions().mode() & 0o777) | 0o700)
}

fn replace_file(source: &Utf8Path, target: &Utf8Path) -> Result<(), FileError> {
    let read = |e| FileError::new("read", source, e);
    let write = |e| FileError::new("replace", target, e);
    let mode = fs::metadata(source).map_err(read)?.permissions().mode() & 0o7777;
    if is_same(source, target, mode) {
        return Ok(());
    }
    clear(target)?;
    let mut fresh = tempfile::Builder::new()
        .prefix(&format!(".{}.", target.file_name().unwrap_or("file")))
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(target.parent().unwrap_or(target))
        .map_err(write)?;
    let mut content = fs::File::open(source).map_err(read)?;
    io::copy(&mut content, fresh.as_file_mut()).map_err(write)?;
    fresh.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(write)?;
    fresh.as_file().sync_all().map_err(write)?;
    fresh.persist(target).map_err(|e| write(e.error))?;
    Ok(())
}

fn is_same(source: &Utf8Path, target: &Utf8Path, mode: u32) -> bool {
    let Ok(found) = target.symlink_metadata() else {
        return false;
    };
    found.is_file()
        && found.permissions().mode() & 0o7777 == mode
        && fs::metadata(source).is_ok_and(|m| m.len() == found.len())
        && fs::read(source).ok() == fs::read(target).ok()
}

fn replace_link(source: &Utf8Path, target: &Utf8Path) -> Result<(), FileError> {
    let content = fs::read_link(source).map_err(|e| FileError::new("read the link", source, e))?;
    if fs::read_link(target).is_ok_and(|there| there == content) {
        return Ok(());
    }
    clear(target)?;
    let write = |e| FileError::new("replace", target, e);
    let beside = tempfile::Builder::new()
        .prefix(".link.")
        .tempdir_in(target.parent().unwrap_or(target))
        .map_err(write)?;
    let fresh = beside.path().join("link");
    symlink(content, &fresh).map_err(write)?;
    fs::rename(&fresh, target).map_err(write)
}

/// Only a directory has to go before something else can take its place.
fn clear(target: &Utf8Path) -> Result<(), FileError> {
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => cart_core::tree::remove(target),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

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
        let running = fs::File::open(to.join("bin/run")).unwrap();
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
