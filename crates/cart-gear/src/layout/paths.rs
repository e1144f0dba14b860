//! Where things are in a gear's home, and making them (node-contract.md, Gear layout).

use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

/// The directories of a gear, all found from its home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    home: Utf8PathBuf,
    uuid: String,
}

impl Layout {
    /// The layout of the gear `uuid` in `home`; nothing is made yet.
    #[must_use]
    pub fn new(home: Utf8PathBuf, uuid: &str) -> Self {
        Self { home, uuid: uuid.to_owned() }
    }

    /// The gear's home.
    #[must_use]
    pub fn home(&self) -> &Utf8Path {
        &self.home
    }

    /// The gear's identity, 24 hexadecimal digits.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// One file per variable that the node gives to the gear.
    #[must_use]
    pub fn env(&self) -> Utf8PathBuf {
        self.home.join(".env")
    }

    /// One file per variable that the gear's user set.
    #[must_use]
    pub fn user_vars(&self) -> Utf8PathBuf {
        self.home.join(".env/user_vars")
    }

    /// The gear's private `/tmp`.
    #[must_use]
    pub fn tmp(&self) -> Utf8PathBuf {
        self.home.join(".tmp").join(&self.uuid)
    }

    /// What survives every build.
    #[must_use]
    pub fn data(&self) -> Utf8PathBuf {
        self.home.join("app-root/data")
    }

    /// Logs that do not belong to one cartridge.
    #[must_use]
    pub fn logs(&self) -> Utf8PathBuf {
        self.home.join("app-root/logs")
    }

    /// What runs: code, dependencies, state.
    #[must_use]
    pub fn runtime(&self) -> Utf8PathBuf {
        self.home.join("app-root/runtime")
    }

    /// The app's code as it runs.
    #[must_use]
    pub fn repo(&self) -> Utf8PathBuf {
        self.runtime().join("repo")
    }

    /// Dependencies that the app needs to run.
    #[must_use]
    pub fn dependencies(&self) -> Utf8PathBuf {
        self.runtime().join("dependencies")
    }

    /// Dependencies that only a build needs.
    #[must_use]
    pub fn build_dependencies(&self) -> Utf8PathBuf {
        self.runtime().join("build-dependencies")
    }

    /// The deployments kept.
    #[must_use]
    pub fn deployments(&self) -> Utf8PathBuf {
        self.home.join("app-deployments")
    }

    /// The bare git repository of the application `name`.
    #[must_use]
    pub fn repository(&self, name: &str) -> Utf8PathBuf {
        self.home.join("git").join(format!("{name}.git"))
    }

    /// One word: the gear's state.
    #[must_use]
    pub fn state_file(&self) -> Utf8PathBuf {
        self.runtime().join(".state")
    }

    /// There when the gear's user stopped the gear.
    #[must_use]
    pub fn stop_lock(&self) -> Utf8PathBuf {
        self.runtime().join(".stop_lock")
    }

    /// What is renamed to the [`stop_lock`](Self::stop_lock) and back.
    #[must_use]
    pub fn spare_stop_lock(&self) -> Utf8PathBuf {
        self.runtime().join(".stop_lock.spare")
    }

    /// The directory of the cartridge called `name`.
    #[must_use]
    pub fn cartridge(&self, name: &str) -> Utf8PathBuf {
        self.home.join(name.to_lowercase())
    }

    /// Makes the directories and links. May be called again. They have the modes that a node gives
    /// them, but for the home: a node lets the gear's group in, which is the gear's alone there, and
    /// may be all people's here.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be made.
    pub fn create(&self) -> Result<(), FileError> {
        files::create_dir(&self.home, HOME_MODE)?;
        for (directory, mode) in [
            (self.env(), 0o750),
            (self.user_vars(), 0o770),
            (self.home.join(".tmp"), 0o750),
            (self.tmp(), 0o700),
            (self.home.join(".sandbox"), 0o750),
            (self.home.join(".sandbox").join(&self.uuid), 0o700),
            (self.home.join(".ssh"), 0o750),
            (self.home.join(".gem"), 0o750),
            (self.home.join(".openshift_ssh"), 0o750),
            (self.home.join("app-root"), 0o750),
            (self.data(), 0o750),
            (self.logs(), 0o750),
            (self.runtime(), 0o750),
            (self.repo(), 0o750),
            (self.dependencies(), 0o750),
            (self.build_dependencies(), 0o750),
            (self.deployments(), 0o750),
            (self.deployments().join("by-id"), 0o750),
        ] {
            files::create_dir(&directory, mode)?;
        }
        for (target, link) in [
            ("runtime/repo", "app-root/repo"),
            ("runtime/dependencies", "app-root/dependencies"),
            ("runtime/build-dependencies", "app-root/build-dependencies"),
            ("../data", "app-root/runtime/data"),
        ] {
            link_once(target, &self.home.join(link))?;
        }
        Ok(())
    }

    /// Names in the home that a person sees, sorted. A cartridge must not add to them
    /// (node-contract.md, Lifecycle, configure).
    ///
    /// # Errors
    /// [`FileError`] when the home cannot be read.
    pub fn visible(&self) -> Result<Vec<String>, FileError> {
        let listed = files::list(&self.home)?;
        let names = listed.iter().filter_map(|path| path.file_name());
        let mut names: Vec<String> =
            names.filter(|name| !name.starts_with('.')).map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }
}

/// Nobody else reads a gear's secrets, or sets its variables.
pub(crate) const HOME_MODE: u32 = 0o700;

/// Makes a symbolic link; whatever is at its place already stays.
///
/// # Errors
/// [`FileError`] naming the link.
pub(crate) fn link_once(target: impl AsRef<Utf8Path>, link: &Utf8Path) -> Result<(), FileError> {
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    symlink(target.as_ref(), link).map_err(|source| FileError::new("make the link", link, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nobody_else_comes_into_the_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().join("g");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o770)).unwrap();
        Layout::new(home.clone(), "u").create().unwrap();
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    }

    #[test]
    fn the_whole_tree_is_made_and_may_be_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().join("g");
        let layout = Layout::new(home.clone(), "0123456789abcdef01234567");
        layout.create().unwrap();
        layout.create().unwrap();
        files::write_atomic(&layout.repo().join("app.py"), b"", 0o644).unwrap();
        assert!(home.join("app-root/repo/app.py").is_file());
        files::write_atomic(&layout.data().join("kept"), b"", 0o644).unwrap();
        assert!(home.join("app-root/runtime/data/kept").is_file());
        assert_eq!(layout.visible().unwrap(), ["app-deployments", "app-root"]);
    }
}
