//! The cartridge's own directory on a gear, and the names of the places in it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk::files::{self, FileError};
use crate::given::env::{EnvError, GearEnv};

/// `~/<name>/` on a gear: `conf/`, `run/`, `logs/`, `env/` belong to the gear, `usr/` is the
/// node's, shared and read-only (node-contract.md, Gear layout).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartridgeDir {
    path: Utf8PathBuf,
}

impl CartridgeDir {
    /// The directory that `OPENSHIFT_<SHORT>_DIR` names.
    ///
    /// # Errors
    /// [`EnvError`] when the variable is missing or not absolute.
    pub fn from_env(env: &GearEnv, short_name: &str) -> Result<Self, EnvError> {
        env.directory(&format!("OPENSHIFT_{short_name}_DIR")).map(Self::new)
    }

    /// A directory known by its path.
    #[must_use]
    pub fn new(path: Utf8PathBuf) -> Self {
        Self { path }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Rendered configuration.
    #[must_use]
    pub fn conf(&self) -> Utf8PathBuf {
        self.path.join("conf")
    }

    /// Sockets, pid files, locks. Only its user may enter it.
    #[must_use]
    pub fn run(&self) -> Utf8PathBuf {
        self.path.join("run")
    }

    /// An empty file that is there while everything that visitors need serves, and nobody has said that the
    /// end is near: whoever keeps services up makes and removes it, whoever stands in front looks for it.
    #[must_use]
    pub fn ready_file(&self) -> Utf8PathBuf {
        self.run().join("ready")
    }

    /// An empty file that is there when something that visitors need is down and not started again any more: only
    /// somebody else can help then, by a start for instance. Made and removed as the [ready](Self::ready_file) one.
    #[must_use]
    pub fn given_up_file(&self) -> Utf8PathBuf {
        self.run().join("given-up")
    }

    /// What the services print.
    #[must_use]
    pub fn logs(&self) -> Utf8PathBuf {
        self.path.join("logs")
    }

    /// One file per variable that the cartridge gives to the gear.
    #[must_use]
    pub fn env(&self) -> Utf8PathBuf {
        self.path.join("env")
    }

    /// Programs and data that the node shares between gears.
    #[must_use]
    pub fn usr(&self) -> Utf8PathBuf {
        self.path.join("usr")
    }

    /// `metadata/manifest.yml`.
    #[must_use]
    pub fn manifest(&self) -> Utf8PathBuf {
        self.path.join("metadata/manifest.yml")
    }

    /// Makes the directories that hooks write to, with the right modes. May be called again.
    ///
    /// # Errors
    /// [`FileError`] naming the directory that could not be made.
    pub fn create_all(&self) -> Result<(), FileError> {
        for (directory, mode) in
            [(self.conf(), 0o755), (self.run(), 0o700), (self.logs(), 0o755), (self.env(), 0o755)]
        {
            files::create_dir(&directory, mode)?;
        }
        Ok(())
    }
}
