//! The code that a deployment takes the place of. The app works in its directory and reads from it, so
//! that very directory stays, under another name, until it is put back or nobody works in it any more.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{process, tree};

use crate::deploy::deployments::parts::{self, CODE};
use crate::layout::paths::Layout;

/// What is in use is removed only beyond so many directories: somebody may push again and again while
/// a request takes for ever.
const MOST: usize = 2;
/// How the names in `app-root/runtime` begin of code that is not in its place.
const BESIDE: &str = ".repo.";

/// Where new code is laid out.
pub(crate) fn new(layout: &Layout) -> Utf8PathBuf {
    parts::beside(layout, CODE)
}

/// The number that the directory of the code in place has, wherever it goes: its inode.
pub(crate) fn number(layout: &Layout) -> Option<u64> {
    number_of(&layout.repo())
}

/// Puts the code that is laid out in [`new`] in place, and keeps what was there beside it.
///
/// # Errors
/// [`FileError`] naming what could not be moved.
pub(crate) fn replace(layout: &Layout) -> Result<(), FileError> {
    let new = new(layout);
    tree::exchange(&new, &layout.repo())?;
    if new.symlink_metadata().is_err() {
        return Ok(());
    }
    let mut names = (0_u32..).map(|n| layout.runtime().join(format!("{BESIDE}old.{n}")));
    names
        .find(|name| name.symlink_metadata().is_err())
        .map_or(Ok(()), |free| files::rename(&new, &free))
}

/// Puts the directory of this number in place again. Answers whether it is there; where it is not,
/// nothing is changed.
///
/// # Errors
/// [`FileError`] naming what could not be moved.
pub(crate) fn put_back(layout: &Layout, directory: u64) -> Result<bool, FileError> {
    put_back_in(&layout.repo(), directory, &layout.runtime().join(BESIDE))
}

/// As [`put_back`], in `place`, from names that begin as `beside` does.
pub(crate) fn put_back_in(
    place: &Utf8Path,
    directory: u64,
    beside: &Utf8Path,
) -> Result<bool, FileError> {
    if number_of(place) == Some(directory) {
        return Ok(true);
    }
    let mut kept = beginning_with(beside)?.into_iter();
    let Some(kept) = kept.find(|path| number_of(path) == Some(directory)) else {
        return Ok(false);
    };
    if place.symlink_metadata().is_ok() {
        tree::exchange(&kept, place)?;
    } else {
        // A kill in the middle of an exchange that is made in steps.
        files::rename(&kept, place)?;
    }
    Ok(true)
}

/// Removes the code beside that nobody works in, and the oldest of the other beyond [`MOST`].
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub(crate) fn tidy(layout: &Layout) -> Result<(), FileError> {
    let mut used = Vec::new();
    for path in beginning_with(&layout.runtime().join(BESIDE))? {
        if process::users_of(&path).is_empty() {
            tree::remove(&path)?;
        } else {
            used.push(path);
        }
    }
    // It was renamed when it was replaced, which its status tells.
    used.sort_by_key(|path| path.metadata().ok().map(|m| (m.ctime(), m.ctime_nsec())));
    let beyond = used.len().saturating_sub(MOST);
    used[..beyond].iter().try_for_each(|path| tree::remove(path))
}

/// What there is in a directory that may be missing, of all that begins with a name.
fn beginning_with(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let mut found = match files::list(directory) {
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        listed => listed?,
    };
    found.retain(|path| path.file_name().is_some_and(|found| found.starts_with(name)));
    Ok(found)
}

/// The inode of a directory.
pub(crate) fn number_of(directory: &Utf8Path) -> Option<u64> {
    directory.symlink_metadata().ok().map(|m| m.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::process::ProcessId;
    use cart_core::{CommandSpec, GearEnv, run};
    use rustix::process::Signal;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let layout = Layout::new(home.join("g"), "u");
        layout.create().unwrap();
        write(&layout.repo(), "0");
        (dir, layout)
    }

    fn beside(layout: &Layout) -> Vec<Utf8PathBuf> {
        beginning_with(&layout.runtime().join(BESIDE)).unwrap()
    }

    fn write(directory: &Utf8Path, text: &str) {
        files::create_dir(directory, 0o750).unwrap();
        files::write_atomic(&directory.join("app"), text.as_bytes(), 0o644).unwrap();
    }

    fn put(layout: &Layout, text: &str) {
        write(&new(layout), text);
        replace(layout).unwrap();
    }

    fn in_place(layout: &Layout) -> String {
        std::fs::read_to_string(layout.repo().join("app")).unwrap()
    }

    #[test]
    fn the_very_same_directory_is_put_back_however_far_its_replacement_came() {
        let (_keep, layout) = layout();
        let before = number(&layout).unwrap();
        write(&new(&layout), "1");
        assert!(put_back(&layout, before).unwrap());
        assert_eq!(in_place(&layout), "0", "not replaced yet");
        tree::exchange(&new(&layout), &layout.repo()).unwrap();
        assert!(put_back(&layout, before).unwrap());
        assert_eq!((in_place(&layout).as_str(), number(&layout)), ("0", Some(before)));
        replace(&layout).unwrap();
        assert_eq!(in_place(&layout), "1");
        put(&layout, "2");
        assert!(put_back(&layout, before).unwrap());
        assert_eq!((in_place(&layout).as_str(), number(&layout)), ("0", Some(before)));
        // Exchanged in steps, and cut off after the first.
        std::fs::rename(layout.repo(), layout.runtime().join(".repo.new.old")).unwrap();
        assert!(put_back(&layout, before).unwrap());
        assert_eq!(in_place(&layout), "0");
        tidy(&layout).unwrap();
        assert!(beside(&layout).is_empty());
        assert!(!put_back(&layout, before + 1).unwrap());
        assert_eq!(in_place(&layout), "0");
    }

    #[test]
    fn code_that_somebody_works_in_stays_but_not_any_number_of_times() {
        let (_keep, layout) = layout();
        let mut workers = Vec::new();
        for text in ["1", "2", "3"] {
            let sleep = CommandSpec::new("/bin/sleep", &GearEnv::new()).arg("60");
            workers.push(run::piped(&sleep.dir(layout.repo())).unwrap());
            put(&layout, text);
        }
        put(&layout, "4");
        tidy(&layout).unwrap();
        let mut kept: Vec<String> = beside(&layout)
            .iter()
            .map(|path| std::fs::read_to_string(path.join("app")).unwrap())
            .collect();
        kept.sort();
        for worker in &mut workers {
            ProcessId::of_child(worker.id()).unwrap().signal(Signal::KILL);
            worker.wait().unwrap();
        }
        assert_eq!(kept, ["1", "2"], "the newest of those in use");
        tidy(&layout).unwrap();
        assert!(beside(&layout).is_empty());
    }
}
