//! What is left of gears whose making or end was cut off, or of which something could not be removed:
//! it is listed, removed by whoever comes next, and keeps nobody from going on.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::recovery::exchanged::STAGING;
use crate::deploy::recovery::unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::home::gears::{GearHome, Listed};
use crate::home::names;
use crate::home::record::{Record, Stage};

/// How a home that is being made is called, before the gear's name.
const NEW: &str = ".new.";
/// How one that is being removed is called; behind the name may stand a dot and a number.
const OLD: &str = ".old.";

impl GearHome {
    /// Where the home of the gear `name` is made.
    pub(crate) fn beside_new(&self, name: &str) -> Utf8PathBuf {
        self.directory().join(format!("{NEW}{name}"))
    }

    /// Where a home of the gear `name` can be moved to be removed: no other one is there.
    pub(crate) fn free_aside(&self, name: &str) -> Utf8PathBuf {
        let plain = self.directory().join(format!("{OLD}{name}"));
        let numbered = (1_u32..).map(|n| Utf8PathBuf::from(format!("{plain}.{n}")));
        let mut all = std::iter::once(plain.clone()).chain(numbered);
        all.find(|path| path.symlink_metadata().is_err()).unwrap_or(plain)
    }

    /// All that is left of gears, with their names, sorted by path. Somebody may be working on them.
    ///
    /// # Errors
    /// [`FileError`] when the directory cannot be read.
    pub(crate) fn left_over(&self) -> Result<Vec<(String, Utf8PathBuf)>, FileError> {
        let mut found = Vec::new();
        for path in files::list(self.directory())? {
            if let Some(name) = path.file_name().and_then(name_of) {
                found.push((name.to_owned(), path.clone()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// What is left of the gear `name`, which is not there any more, as a gear that can be destroyed.
    pub(crate) fn as_listed(&self, name: String, home: Utf8PathBuf) -> Listed {
        let record = Record {
            stage: Stage::Destroying,
            cartridge: Utf8PathBuf::new(),
            path: None,
            addresses: Vec::new(),
        };
        Listed { name, home, record }
    }

    /// Removes all that is left of gears of this name.
    ///
    /// # Errors
    /// [`FileError`] of the first thing that could not be removed; all others are gone.
    pub(crate) fn clear(&self, name: &str) -> Result<(), FileError> {
        let mut all = self.left_over()?;
        all.retain(|(of, _)| of == name);
        // A process that could not be ended may have written while a directory was being removed.
        let removed = |path: &Utf8Path| tree::remove(path).or_else(|_| tree::remove(path));
        all.iter().map(|(_, path)| removed(path)).fold(Ok(()), Result::and)
    }
}

/// The name of the gear of which something with this name is left.
fn name_of(left: &str) -> Option<&str> {
    let name = left.strip_prefix(NEW).or_else(|| {
        let name = left.strip_prefix(OLD)?;
        Some(name.split_once('.').map_or(name, |(name, _)| name))
    });
    name.filter(|name| names::check(name).is_ok())
}

impl GearOnDisk {
    /// What restores left in the gear's home: what was laid out, or what was there before and could not
    /// be told from it. What the next command on the gear puts right is not left.
    #[must_use]
    pub fn left_over(&self) -> Vec<Utf8PathBuf> {
        if unfinished::is_noted(self.layout()) {
            return Vec::new();
        }
        of_restores(self.layout().home())
    }
}

fn of_restores(home: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = home.read_dir_utf8().into_iter().flatten().flatten();
    let is_left = |name: &str| {
        let behind = name.strip_prefix(STAGING);
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
    };
    let mut found: Vec<Utf8PathBuf> = entries
        .filter(|entry| is_left(entry.file_name()))
        .map(camino::Utf8DirEntry::into_path)
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    #[test]
    fn what_is_left_is_told_by_its_name() {
        for (left, name) in [
            (".old.blog", Some("blog")),
            (".old.blog.2", Some("blog")),
            (".new.blog", Some("blog")),
            (".new.blog.2", None),
            (".old.", None),
            (".locks", None),
            ("blog", None),
        ] {
            assert_eq!(name_of(left), name, "{left}");
        }
    }

    #[test]
    fn what_cannot_be_removed_stands_in_nobodys_way_and_the_rest_goes() {
        let keep = tempfile::tempdir().unwrap();
        let gears = GearHome::at(Utf8Path::from_path(keep.path()).unwrap()).unwrap();
        let first = gears.free_aside("blog");
        std::fs::create_dir(&first).unwrap();
        let second = gears.free_aside("blog");
        assert_ne!(second, first);
        std::fs::create_dir(&second).unwrap();
        std::fs::create_dir(gears.beside_new("shop")).unwrap();
        assert_eq!(gears.left_over().unwrap().len(), 3);
        gears.clear("blog").unwrap();
        assert_eq!(gears.left_over().unwrap(), [("shop".to_owned(), gears.beside_new("shop"))]);
    }

    #[test]
    fn what_restores_left_is_told_from_all_else() {
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap();
        std::fs::create_dir(home.join(".restore")).unwrap();
        std::fs::create_dir(home.join(".restore.0")).unwrap();
        files::write_atomic(&home.join(".restored"), b"", 0o644).unwrap();
        assert_eq!(of_restores(home), [home.join(".restore"), home.join(".restore.0")]);
        assert!(of_restores(&home.join("missing")).is_empty());
    }
}
