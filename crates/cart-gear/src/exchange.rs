//! Putting a directory in another's place at once.

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Makes `fresh` and `live`, on one file system, change places: nobody finds `live` missing. Where
/// there is no `live`, `fresh` just moves there.
///
/// # Errors
/// [`FileError`] naming `live`; both are where they were then.
pub fn exchange(fresh: &Utf8Path, live: &Utf8Path) -> Result<(), FileError> {
    if live.symlink_metadata().is_err() {
        return files::rename(fresh, live);
    }
    match renameat_with(CWD, fresh.as_std_path(), CWD, live.as_std_path(), RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // A file system that cannot do it at once.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => in_three_steps(fresh, live),
        Err(error) => Err(FileError::new("replace", live, error.into())),
    }
}

fn in_three_steps(fresh: &Utf8Path, live: &Utf8Path) -> Result<(), FileError> {
    let mut aside = fresh.to_owned();
    aside.set_file_name(format!("{}.aside", fresh.file_name().unwrap_or_default()));
    files::rename(live, &aside)?;
    if let Err(error) = files::rename(fresh, live) {
        files::rename(&aside, live)?;
        return Err(error);
    }
    files::rename(&aside, fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_place(dir: &Utf8Path) -> (String, bool) {
        let read = |name: &str| std::fs::read_to_string(dir.join(name).join("f")).ok();
        (read("live").unwrap(), read("fresh").is_some())
    }

    #[test]
    fn both_ways_leave_the_old_one_where_the_fresh_one_was() {
        for way in [exchange, in_three_steps] {
            let keep = tempfile::tempdir().unwrap();
            let dir = Utf8Path::from_path(keep.path()).unwrap();
            for name in ["fresh", "live"] {
                std::fs::create_dir(dir.join(name)).unwrap();
                files::write_atomic(&dir.join(name).join("f"), name.as_bytes(), 0o644).unwrap();
            }
            way(&dir.join("fresh"), &dir.join("live")).unwrap();
            assert_eq!(in_place(dir), ("fresh".to_owned(), true));
            assert_eq!(std::fs::read_dir(dir).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_missing_one_is_made() {
        let keep = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(keep.path()).unwrap();
        std::fs::create_dir(dir.join("fresh")).unwrap();
        files::write_atomic(&dir.join("fresh/f"), b"fresh", 0o644).unwrap();
        exchange(&dir.join("fresh"), &dir.join("live")).unwrap();
        assert_eq!(in_place(dir), ("fresh".to_owned(), false));
    }
}
