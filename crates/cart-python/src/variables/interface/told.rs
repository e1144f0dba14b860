//! What a launcher has found out about an app, kept for the next start.

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use serde::{Deserialize, Serialize};

use super::Interface;

/// Only an import tells some apps' interface. What it told is kept with what was believed before,
/// so that it counts for the same app only, and no longer than it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The app's entry point.
    app: String,
    /// What its code had told.
    before: Option<Interface>,
    /// What it is.
    interface: Interface,
}

impl Told {
    /// `app`, whose code had told `before`, is called by `interface`.
    #[must_use]
    pub fn new(app: &str, before: Option<Interface>, interface: Interface) -> Self {
        Self { app: app.to_owned(), before, interface }
    }

    /// What the file says of `app`, whose code tells `found`. One that cannot be read says nothing:
    /// then it is found out once more.
    #[must_use]
    pub fn read(path: &Utf8Path, app: &str, found: Option<Interface>) -> Option<Interface> {
        let told: Self = serde_json::from_slice(&files::read(path).ok()?).ok()?;
        (told.app == app && told.before == found).then_some(told.interface)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn write(&self, path: &Utf8Path) -> Result<(), FileError> {
        // Of names and two words: there is nothing in it that JSON could not have.
        let json = serde_json::to_vec(self).expect("names are JSON");
        files::write_unsynced(path, &json, 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_for_the_same_app_that_says_the_same_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("interface.json");
        assert_eq!(Told::read(&path, "app:app", None), None);
        Told::new("app:app", None, Interface::Asgi).write(&path).unwrap();
        assert_eq!(Told::read(&path, "app:app", None), Some(Interface::Asgi));
        assert_eq!(Told::read(&path, "main:app", None), None);
        assert_eq!(Told::read(&path, "app:app", Some(Interface::Wsgi)), None);
        files::write_atomic(&path, b"{", 0o644).unwrap();
        assert_eq!(Told::read(&path, "app:app", None), None);
    }
}
