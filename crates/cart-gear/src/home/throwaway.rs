//! A gear that is gone when it goes out of scope: for serving an app once, and for tests.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use tempfile::TempDir;

use crate::environment::endpoint::Endpoints;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::create;
use crate::layout::error::GearError;
use crate::layout::installed::{Source, Usr};
use crate::scripts::progress::Progress;

/// A throwaway gear. When it goes out of scope without [`destroy`](Self::destroy), its processes
/// are ended and its directory is removed, but no script of the cartridge is asked.
#[derive(Debug)]
pub struct Throwaway {
    gear: GearOnDisk,
    /// Removes what is left of the home at the very end.
    _home: TempDir,
}

impl Throwaway {
    /// Makes a gear in a new directory in `parent`; no script runs and no cartridge is on it yet.
    ///
    /// # Errors
    /// [`GearError`]; nothing is left behind.
    pub fn create(options: GearOptions, parent: &Utf8Path) -> Result<Self, GearError> {
        Self::make(options, parent, None)
    }

    /// As [`create`](Self::create), in the directory `home` itself, which must not be there.
    ///
    /// # Errors
    /// [`GearError`]; nothing is left behind.
    pub(crate) fn create_at(options: GearOptions, home: &Utf8Path) -> Result<Self, GearError> {
        Self::make(options, home.parent().unwrap_or(home), home.file_name())
    }

    fn make(
        options: GearOptions,
        parent: &Utf8Path,
        name: Option<&str>,
    ) -> Result<Self, GearError> {
        let source = Source::read(&options.cartridge)?;
        let endpoints = Endpoints::choose(&source.manifest, options.listen)?;
        let (guard, home) = make_home(parent, name, &source)?;
        let gear = GearOnDisk::make(home, source, endpoints, Usr::Shared, options)?;
        Ok(Self { gear, _home: guard })
    }

    /// Stops the app, takes the cartridge off, ends whatever still runs for the gear and removes
    /// its directory.
    ///
    /// # Errors
    /// [`GearError`] when something is left behind.
    pub fn destroy(mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        self.gear.end(progress).and(self.gear.remove_home())
    }
}

impl Deref for Throwaway {
    type Target = GearOnDisk;

    fn deref(&self) -> &GearOnDisk {
        &self.gear
    }
}

impl DerefMut for Throwaway {
    fn deref_mut(&mut self) -> &mut GearOnDisk {
        &mut self.gear
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // After `destroy` there is nothing left to find.
        let _ = self.gear.processes().end_all(Duration::from_secs(2));
    }
}

/// A directory called `name`, or else one that has a name of its own.
fn make_home(
    parent: &Utf8Path,
    name: Option<&str>,
    source: &Source,
) -> Result<(TempDir, Utf8PathBuf), GearError> {
    let parent = parent.canonicalize_utf8().map_err(|e| FileError::new("read", parent, e))?;
    let mut builder = tempfile::Builder::new();
    match name {
        Some(name) => builder.prefix(name).rand_bytes(0),
        None => builder.prefix("gear-"),
    };
    let guard = builder
        .tempdir_in(&parent)
        .map_err(|e| FileError::new("make a directory in", &parent, e))?;
    let home = parent.join(guard.path().file_name().unwrap_or_default().to_string_lossy().as_ref());
    create::check_length(&home, &source.manifest, "TMPDIR=/tmp")?;
    Ok((guard, home))
}
