//! Making a gear that stays: all of it or nothing, and what a kill in between leaves is told apart
//! from gears by its [`Record`].

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::manifest::Manifest;
use cart_core::tree;

use crate::deploy::deployments;
use crate::deploy::git::Receiver;
use crate::environment::endpoint::Endpoints;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::gears::GearHome;
use crate::home::lock::GearLock;
use crate::home::names;
use crate::home::record::{Record, Stage};
use crate::layout::error::GearError;
use crate::layout::installed::{Source, Usr};
use crate::layout::paths::HOME_MODE;

impl GearHome {
    /// Makes a gear that stays, under the lock of its name; no script runs and no cartridge is on
    /// it yet. It counts as unfinished until [`finished`](Self::finished).
    ///
    /// # Errors
    /// [`GearError`]; nothing is left behind.
    pub fn create(&self, options: GearOptions, _held: &GearLock) -> Result<GearOnDisk, GearError> {
        names::check(&options.name)?;
        let name = options.name.clone();
        let home = self.home_of(&name);
        self.check_free(&name, &home)?;
        let source = Source::read(&options.cartridge)?;
        check_length(&home, &source.manifest, "GEAR_HOME=/a/shorter/path")?;
        let endpoints = self.reserve(&source, &options, &home)?;
        let (keep, program) = (options.keep_deployments, options.program.clone());
        let made = GearOnDisk::make(home.clone(), source, endpoints, Usr::Copied, options)
            .map_err(GearError::from)
            .and_then(|gear| self.equip(gear, keep, program));
        if made.is_err() {
            tree::remove(&home)?;
        }
        made
    }

    /// Whether there is no whole gear `name` yet, as far as that can be known without its lock.
    ///
    /// # Errors
    /// [`GearError`] when there is one.
    pub fn check_new(&self, name: &str) -> Result<(), GearError> {
        match self.find(name) {
            Ok(listed) if listed.record.stage == Stage::Kept => Err(exists(name)),
            _ => Ok(()),
        }
    }

    /// What only a gear that stays has: deployments to roll back to, and a repository.
    fn equip(
        &self,
        gear: GearOnDisk,
        keep: u32,
        program: Option<Utf8PathBuf>,
    ) -> Result<GearOnDisk, GearError> {
        let file = gear.layout.env().join(deployments::KEEP);
        files::write_unsynced(&file, keep.max(1).to_string().as_bytes(), 0o640)?;
        if let Some(program) = program {
            let gears = self.directory().to_owned();
            gear.make_repository(&Receiver { program, gears }).map_err(|error| {
                error.saying(format!("the gear's git repository cannot be made: {error}"))
            })?;
        }
        Ok(gear)
    }

    /// Notes that a gear is whole: it has its cartridge and its app, and a loss of power takes nothing of
    /// them any more. What was written for it did not wait for the disk, file by file.
    ///
    /// # Errors
    /// [`FileError`] naming the gear's home or its record.
    pub fn finished(&self, gear: &GearOnDisk) -> Result<(), FileError> {
        files::sync_all(gear.layout().home())?;
        self.note(gear.layout().home(), Stage::Kept)
    }

    pub(crate) fn note(&self, home: &Utf8Path, stage: Stage) -> Result<(), FileError> {
        match Record::read(home)? {
            Some(record) => Record { stage, ..record }.write(home),
            None => Ok(()),
        }
    }

    fn check_free(&self, name: &str, home: &Utf8Path) -> Result<(), GearError> {
        if home.symlink_metadata().is_err() {
            return Ok(());
        }
        let text = match Record::read(home)?.map(|record| record.stage) {
            Some(Stage::Kept) => return Err(exists(name)),
            Some(_) => format!(
                "an unfinished gear {name} was left behind: remove it with `gear destroy {name}`"
            ),
            None => format!("{home} is in the way, and it is no gear: move it elsewhere"),
        };
        Err(GearError::failed(text))
    }

    /// Chooses the gear's addresses and makes its home with a record of them, while nobody else
    /// chooses. The home appears with its record in it, so that a kill never leaves one without.
    fn reserve(
        &self,
        source: &Source,
        options: &GearOptions,
        home: &Utf8Path,
    ) -> Result<Endpoints, GearError> {
        let _choosing = self.lock_addresses(&options.conditions.interrupts)?;
        let others = self.addresses()?;
        let own = self.own_addresses();
        let endpoints = Endpoints::reserve(&source.manifest, options.listen, own, &others)?;
        let record = Record {
            stage: Stage::Creating,
            cartridge: source.directory.clone(),
            path: options.more_path.clone().and_then(|path| path.into_string().ok()),
            addresses: endpoints.bound.iter().map(|bound| bound.address).collect(),
        };
        let beside = self.beside_new(&options.name);
        // Left by a kill in the middle of this, or of a destroying. What cannot be removed is listed.
        if self.clear(&options.name).is_err() && beside.symlink_metadata().is_ok() {
            files::rename(&beside, &self.free_aside(&options.name))?;
        }
        let made = files::create_dir(&beside, HOME_MODE)
            .and_then(|()| record.write(&beside))
            .and_then(|()| files::rename(&beside, home));
        if made.is_err() {
            tree::remove(&beside)?;
        }
        made?;
        Ok(endpoints)
    }
}

/// Services put sockets into the cartridge's directory, and a socket's path has at most 107 bytes.
pub(crate) fn check_length(
    home: &Utf8Path,
    manifest: &Manifest,
    how: &'static str,
) -> Result<(), GearError> {
    const LONGEST_SOCKET: usize = 107;
    const LEFT_TO_CARTRIDGE: usize = 40;
    let used = home.as_str().len() + 1 + manifest.directory_name().len();
    if used + LEFT_TO_CARTRIDGE > LONGEST_SOCKET {
        return Err(GearError::failed(format!(
            "the path of the gear's directory, {home}, is too long for sockets in it: use a directory with a shorter path ({how})"
        )));
    }
    Ok(())
}

/// There is a gear of this name already.
fn exists(name: &str) -> GearError {
    GearError::failed(format!(
        "there is a gear {name} already: choose another name, or remove it with `gear destroy {name}`"
    ))
}
