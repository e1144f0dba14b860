//! A second copy of an environment, which works from where it is whatever becomes of the first.
//!
//! It shares its files with the first (hard links), so it takes directory entries and hardly any
//! room. Where nobody can change the first it is a link to that: in an image, whose writable part is
//! memory.

use std::os::unix::fs::symlink;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::tree;
use rustix::fs::StatVfsMountFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::VirtualEnv;
use super::relocate::relocate;
use super::stage::{copy_tree, resolved};
use crate::environment::stamp::{self, Stamp};

/// Copies the environment at `place`, which may be a link, into `to`, which must not exist. Its
/// scripts name the new place; `moves` are old and new places of other things that its scripts
/// and links name, such as the app's repository. Answers whether any of these was named.
///
/// # Errors
/// [`FileError`] naming what could not be copied; a part of the copy may be left in `to`.
pub fn keep(
    place: &Utf8Path,
    to: &Utf8Path,
    moves: &[(&Utf8Path, &Utf8Path)],
) -> Result<bool, FileError> {
    let from = resolved(place)?;
    if is_read_only(&from) {
        symlink(&from, to).map_err(|error| FileError::new("make the link", to, error))?;
        return Ok(false);
    }
    copy_tree(&from, to)?;
    let venv = VirtualEnv::at(to);
    let named = relocate(&venv, moves)?;
    relocate(&venv, &[(place, to), (&from, to)])?;
    if let Some(mut stamp) = Stamp::read(place) {
        to.clone_into(&mut stamp.place);
        stamp.write(to)?;
    }
    Ok(named)
}

/// Whether it is on a file system that is read-only.
fn is_read_only(place: &Utf8Path) -> bool {
    rustix::fs::statvfs(place.as_std_path())
        .is_ok_and(|of| of.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// By what it is told whether an environment has been changed, by whom and how ever: a look at each of its
/// files, not into it. What Python compiles beside them is none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(String);

impl Mark {
    /// The mark of the environment at `place`; `None` when it has no stamp, or cannot be looked at.
    #[must_use]
    pub fn of(place: &Utf8Path) -> Option<Self> {
        place.join(stamp::FILE).metadata().ok()?;
        let mut sum = Sha256::new();
        let glance = tree::glance(
            place,
            |of| format!("\0{:?}", (of.st_size, of.st_mtime, of.st_mtime_nsec, of.st_mode)),
            |bytes| sum.update(bytes),
        );
        glance.ok()?;
        Some(Self(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use camino::Utf8PathBuf;
    use cart_core::files;

    use super::*;

    fn environment(dir: &Utf8Path) -> Utf8PathBuf {
        let real = dir.join("dependencies/virtenv");
        let site = real.join("lib/python3.11/site-packages");
        fs::create_dir_all(&site).unwrap();
        fs::create_dir(real.join("bin")).unwrap();
        let place = dir.join("virtenv");
        symlink(&real, &place).unwrap();
        let script = format!("#!{place}/bin/python\n");
        files::write_atomic(&real.join("bin/tool"), script.as_bytes(), 0o755).unwrap();
        files::write_atomic(&real.join("pyvenv.cfg"), b"home = /usr/bin\n", 0o644).unwrap();
        files::write_atomic(&site.join("module.py"), b"x = 1\n", 0o644).unwrap();
        files::write_atomic(&site.join("app.pth"), b"/gear/repo/src\n", 0o644).unwrap();
        place
    }

    #[test]
    fn a_copy_shares_files_names_its_own_place_and_outlives_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (place, copy) = (environment(dir), dir.join("copy"));
        let named = keep(&place, &copy, &[("/gear/repo".into(), "/gear/code".into())]).unwrap();
        assert!(named);
        let inode = |path: Utf8PathBuf| fs::metadata(path).unwrap().ino();
        let module = "lib/python3.11/site-packages/module.py";
        assert_eq!(inode(copy.join(module)), inode(place.join(module)));
        fs::remove_dir_all(dir.join("dependencies")).unwrap();
        let text = |path: &str| fs::read_to_string(copy.join(path)).unwrap();
        assert_eq!(text("bin/tool"), format!("#!{copy}/bin/python\n"));
        assert_eq!(text("lib/python3.11/site-packages/app.pth"), "/gear/code/src\n");
        assert_eq!(text(module), "x = 1\n");
    }

    #[test]
    fn a_copy_tells_whether_it_names_what_was_moved() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let place = environment(dir);
        let other = [("/gear/other".into(), "/gear/code".into())];
        assert!(!keep(&place, &dir.join("copy"), &other).unwrap());
    }

    #[test]
    fn whatever_somebody_changes_changes_the_mark_and_what_python_compiles_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let place = environment(dir);
        assert_eq!(Mark::of(&place), None);
        files::write_atomic(&place.join(stamp::FILE), b"{}", 0o644).unwrap();
        let site = place.join("lib/python3.11/site-packages");
        fs::create_dir_all(site.join("package")).unwrap();
        let mut before = Mark::of(&place);
        assert!(before.is_some());
        fs::create_dir(site.join("__pycache__")).unwrap();
        files::write_atomic(&site.join("__pycache__/six.pyc"), b"", 0o644).unwrap();
        assert_eq!(Mark::of(&place), before);
        for changed in ["module.py", "package/added.py", "../../../bin/node"] {
            files::write_atomic(&site.join(changed), b"changed", 0o755).unwrap();
            let now = Mark::of(&place);
            assert_ne!(now, before, "{changed}");
            before = now;
        }
    }

    #[test]
    fn links_of_the_first_are_left_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (place, copy) = (environment(dir), dir.join("copy"));
        keep(&place, &copy, &[("/gear/repo".into(), "/gear/code".into())]).unwrap();
        let link = place.join("lib/python3.11/site-packages/app.pth");
        assert_eq!(fs::read_to_string(link).unwrap(), "/gear/repo/src\n");
    }
}
