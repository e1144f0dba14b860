//! A cartridge's directory on a gear: a copy. `usr` is shared or copied, too (node-contract.md,
//! Gear layout).

use std::os::unix::fs::symlink;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::managed_files::ManagedFiles;
use cart_core::manifest::Manifest;
use cart_core::tree::{self, Directories, Entry};

use crate::layout::error::GearError;
use crate::layout::paths::Layout;

/// A cartridge as its author delivers it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its directory, without symbolic links in the path.
    pub directory: Utf8PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Files that the node touches for it.
    pub managed: ManagedFiles,
}

impl Source {
    /// Reads the cartridge in `directory`.
    ///
    /// # Errors
    /// [`GearError`] saying what is missing or wrong, and in which file.
    pub fn read(directory: &Utf8Path) -> Result<Self, GearError> {
        let directory = directory
            .canonicalize_utf8()
            .map_err(|e| FileError::new("read the cartridge", directory, e))?;
        for needed in ["metadata", "bin"] {
            if !directory.join(needed).is_dir() {
                return Err(GearError::failed(format!(
                    "{directory} is no cartridge: it has no directory {needed}/"
                )));
            }
        }
        Ok(Self {
            manifest: Manifest::read(&directory.join("metadata/manifest.yml"))?,
            managed: ManagedFiles::read(&directory)?,
            directory,
        })
    }
}

/// What becomes of a cartridge's `usr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usr {
    /// A link to where it was delivered, as a node does it with cartridges of its operator's.
    Shared,
    /// A copy, as a node does it with downloadable cartridges: the gear needs nothing of the place
    /// where the cartridge came from. Big programs are the same files where they can be (hard links), unless this is root.
    Copied,
}

/// A cartridge on a gear.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Files that the node touches for it.
    pub managed: ManagedFiles,
    /// Its directory on the gear.
    pub directory: Utf8PathBuf,
    /// The version of the software that was asked for.
    pub version: String,
}

impl Installed {
    /// Copies a cartridge onto a gear and writes the variables that name it.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied or written.
    pub fn copy(
        layout: &Layout,
        source: &Source,
        version: &str,
        usr: Usr,
    ) -> Result<Self, FileError> {
        let directory = layout.cartridge(&source.manifest.name);
        let shared = usr == Usr::Shared;
        let left_out = |below: &Path| shared && below == Path::new("usr");
        // Root may give a gear to somebody, who would own the programs of all others with it.
        let is_root = rustix::process::geteuid().is_root();
        let shares = |entry: &Entry<'_>| !is_root && is_big_program(entry);
        tree::copy_sharing(&source.directory, &directory, Directories::Kept, left_out, shares)?;
        let usr = source.directory.join("usr");
        if shared && usr.exists() {
            let link = directory.join("usr");
            symlink(&usr, &link).map_err(|e| FileError::new("make the link", &link, e))?;
        }
        let installed = Self {
            manifest: source.manifest.clone(),
            managed: source.managed.clone(),
            directory,
            version: version.to_owned(),
        };
        installed.write_variables()?;
        Ok(installed)
    }

    /// The cartridge that lies in `directory` on a gear, as its own files tell it.
    ///
    /// # Errors
    /// [`GearError`] naming the file that is missing or wrong.
    pub fn open(directory: &Utf8Path) -> Result<Self, GearError> {
        let manifest = Manifest::read(&directory.join("metadata/manifest.yml"))?;
        let path = directory.join("env").join(manifest.variable("IDENT"));
        let ident = files::read(&path)?;
        // vendor:Name:version:cartridge-version
        let version = String::from_utf8_lossy(&ident).split(':').nth(2).map(str::to_owned);
        Ok(Self {
            version: version.ok_or_else(|| no_ident(&path))?,
            managed: ManagedFiles::read(directory)?,
            manifest,
            directory: directory.to_owned(),
        })
    }

    /// One of its scripts.
    #[must_use]
    pub fn script(&self, name: &str) -> Utf8PathBuf {
        self.directory.join("bin").join(name)
    }

    fn write_variables(&self) -> Result<(), FileError> {
        let env = self.directory.join("env");
        std::fs::create_dir_all(&env).map_err(|e| FileError::new("make", &env, e))?;
        let (manifest, directory) = (&self.manifest, &self.directory);
        for (suffix, value) in
            [("DIR", format!("{directory}/")), ("IDENT", manifest.ident(&self.version))]
        {
            let path = env.join(manifest.variable(suffix));
            files::write_unsynced(&path, value.as_bytes(), 0o644)?;
        }
        Ok(())
    }
}

/// Whether a file is one of the programs in `usr/` of which it counts that all gears have the same: an
/// executable's pages are in memory once, however many run it. Nobody writes into a program; it is
/// replaced, and the system refuses to change one that runs. What is small may be a script, which people edit.
fn is_big_program(entry: &Entry<'_>) -> bool {
    const BIG: i64 = 256 * 1024;
    entry.below().starts_with("usr")
        && entry.stat().is_ok_and(|stat| stat.st_size >= BIG && stat.st_mode & 0o111 != 0)
}

/// The identity of a cartridge on a gear is none.
pub(crate) fn no_ident(path: &Utf8Path) -> GearError {
    GearError::failed(format!("{path} does not hold vendor:Name:version:cartridge-version"))
}
