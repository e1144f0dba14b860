//! The directory in which gears live: finding them, opening them, and locking one.
//!
//! ```text
//! GEAR_HOME/<name>/             a gear's home, as a node lays it out, and .gear.json
//! GEAR_HOME/.locks/<name>       the lock of a gear
//! GEAR_HOME/.locks/.addresses   held while addresses are chosen
//! GEAR_HOME/.new.<name>         a home that is being made, .old.<name> one that is being removed; what
//!                               could not be removed stays there, and others get a number behind
//! ```

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, fault};

use crate::environment::endpoint::OwnAddresses;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::open;
use crate::gear::options::Conditions;
use crate::home::lifecycle::LAST_PROCESSES;
use crate::home::lock::{GearLock, LockHolder};
use crate::home::names::{self, did_you_mean};
use crate::home::record::{Record, Stage};
use crate::layout::error::GearError;
use crate::scripts::processes::Processes;
use crate::scripts::progress::{Interrupts, Progress};

/// Choosing addresses is done in no time.
const CHOOSING: Duration = Duration::from_secs(30);

/// The directory in which gears live.
#[derive(Clone, Debug)]
pub struct GearHome {
    directory: Utf8PathBuf,
}

/// A gear as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its home.
    pub home: Utf8PathBuf,
    /// What is remembered of it.
    pub record: Record,
}

/// What is in a directory for gears.
#[derive(Debug, Default)]
pub struct Listing {
    /// All gears, sorted by name, unfinished ones included.
    pub gears: Vec<Listed>,
    /// Names of others and why nothing is known of them: another user's gear for example.
    pub unreadable: Vec<(String, FileError)>,
    /// What is left of earlier gears of a name that another one has now; they are gone with that one.
    pub left_over: Vec<Utf8PathBuf>,
}

impl GearHome {
    /// The directory that `GEAR_HOME` names, else `gear` in the user's directory for data
    /// (`XDG_DATA_HOME`, or `~/.local/share`). It is made if it is missing.
    ///
    /// # Errors
    /// [`GearError`] naming the variable or the directory.
    pub fn from_env(env: &GearEnv) -> Result<Self, GearError> {
        let directory = Self::named(env)?;
        if let (Err(_), Some(above)) = (directory.metadata(), there_above(&directory)) {
            check_owner(above)?;
        }
        Ok(Self::at(&directory)?)
    }

    /// The directory that [`from_env`](Self::from_env) would take; nothing is made.
    ///
    /// # Errors
    /// [`GearError`] naming the variable.
    pub fn named(env: &GearEnv) -> Result<Utf8PathBuf, GearError> {
        Ok(if env.text("GEAR_HOME")?.is_some() {
            env.directory("GEAR_HOME")?
        // A relative one counts as unset, as its specification has it.
        } else if let Ok(data) = env.directory("XDG_DATA_HOME") {
            data.join("gear")
        } else if env.text("HOME")?.is_some() {
            env.directory("HOME")?.join(".local/share/gear")
        } else {
            return Err(GearError::failed(
                "nothing says where gears live: set GEAR_HOME to a directory (or HOME)",
            ));
        })
    }

    /// The directory `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`FileError`] naming it.
    pub fn at(directory: &Utf8Path) -> Result<Self, FileError> {
        let failed = |source| FileError::new("make the directory for gears", directory, source);
        std::fs::create_dir_all(directory).map_err(failed)?;
        // Processes are found by where they work, and that is told without links.
        Ok(Self { directory: directory.canonicalize_utf8().map_err(failed)? })
    }

    /// The directory, without symbolic links in its path.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// The home of the gear `name`, be it there or not.
    #[must_use]
    pub fn home_of(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(name)
    }

    /// All gears, and what is left of those that are none any more. One that cannot be read does not
    /// hide the others.
    ///
    /// # Errors
    /// [`FileError`] when the directory cannot be read.
    pub fn list(&self) -> Result<Listing, FileError> {
        let mut found = Listing::default();
        for home in files::list(&self.directory)? {
            let name = home.file_name().unwrap_or_default().to_owned();
            if names::check(&name).is_err() {
                continue;
            }
            match Record::read(&home) {
                Ok(Some(record)) => found.gears.push(Listed { name, home, record }),
                Ok(None) => {}
                Err(error) => found.unreadable.push((name, error)),
            }
        }
        for (name, path) in self.left_over()? {
            if self.home_of(&name).symlink_metadata().is_ok() {
                found.left_over.push(path);
            } else if found.gears.iter().all(|gear| gear.name != name) {
                found.gears.push(self.as_listed(name, path));
            }
        }
        found.gears.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The gear `name` as it is listed.
    ///
    /// # Errors
    /// [`GearError`], with the name that was probably meant when there is none.
    pub fn find(&self, name: &str) -> Result<Listed, GearError> {
        let home = self.home_of(name);
        if names::check(name).is_ok()
            && let Some(record) = Record::read(&home)?
        {
            return Ok(Listed { name: name.to_owned(), home, record });
        }
        let known = self.list()?.gears;
        if let Some(left) = known.iter().find(|gear| gear.name == name) {
            return Ok(left.clone());
        }
        let nearest = names::nearest(name, known.iter().map(|gear| gear.name.as_str()));
        let (directory, meant) = (&self.directory, did_you_mean(nearest.as_deref()));
        Err(GearError::wrong(format!("there is no gear {name:?} in {directory}{meant}")))
    }

    /// Opens the gear `name`. Who changes it holds its lock.
    ///
    /// # Errors
    /// [`GearError`], also when it is unfinished.
    pub fn open(&self, name: &str, conditions: Conditions) -> Result<GearOnDisk, GearError> {
        let listed = self.find(name)?;
        if listed.record.stage != Stage::Kept {
            return Err(GearError::failed(format!(
                "the gear {name} is unfinished: its making or its end goes on or was killed; `gear destroy {name}` removes it"
            )));
        }
        let path = listed.record.path.map(OsString::from);
        GearOnDisk::open(&listed.home, path, conditions)
    }

    /// Takes the lock of the gear `name`, which need not be there, for this process, which does
    /// `what`; see [`GearLock::acquire`].
    ///
    /// # Errors
    /// [`GearError`].
    pub fn lock(
        &self,
        name: &str,
        what: &str,
        limit: Duration,
        interrupts: &Interrupts,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<GearLock, GearError> {
        check_owner(&self.directory)?;
        let locks = self.directory.join(LOCKS);
        files::create_dir(&locks, 0o700)?;
        GearLock::acquire(&locks.join(name), what, limit, interrupts, waiting)
    }

    /// Who works on the gear `name` now.
    #[must_use]
    pub fn holder(&self, name: &str) -> Option<LockHolder> {
        GearLock::holder(&self.directory.join(LOCKS).join(name))
    }

    /// Destroys the gear `name`, unfinished or not: stops the app, takes the cartridge off, ends
    /// whatever still runs for it, removes its home. What fails on the way is a notice.
    ///
    /// # Errors
    /// [`GearError`] when it is another user's, or something is left behind.
    pub fn destroy(
        &self,
        listed: &Listed,
        conditions: Conditions,
        held: GearLock,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        if listed.home != self.home_of(&listed.name) {
            self.clear(&listed.name)?;
            return Ok(held.remove()?);
        }
        let path = listed.record.path.clone().map(OsString::from);
        if let Ok(found) = listed.home.metadata() {
            open::check_owner(&listed.home, &found)?;
        }
        let opened = GearOnDisk::open(&listed.home, path, conditions);
        unless_full(self.note(&listed.home, Stage::Destroying))?;
        let ended = match opened {
            Ok(mut gear) => gear.end(progress),
            Err(error) => {
                progress.notice(&format!("Its scripts cannot be run: {error}"));
                end_processes(&listed.home)
            }
        };
        // A home that is half removed must not look like something else's.
        files::rename(&listed.home, &self.free_aside(&listed.name))?;
        self.clear(&listed.name)?;
        held.remove()?;
        ended
    }

    /// Where the addresses of its gears begin.
    pub(crate) fn own_addresses(&self) -> OwnAddresses {
        OwnAddresses::of(&self.directory)
    }

    /// The addresses of all gears, but for those that another user keeps secret.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>, FileError> {
        let Listing { gears, unreadable, .. } = self.list()?;
        let secret =
            |error: &FileError| error.source.kind() == std::io::ErrorKind::PermissionDenied;
        if let Some((_, error)) = unreadable.into_iter().find(|(_, error)| !secret(error)) {
            return Err(error);
        }
        Ok(gears.into_iter().flat_map(|gear| gear.record.addresses).collect())
    }

    pub(crate) fn lock_addresses(&self, interrupts: &Interrupts) -> Result<GearLock, GearError> {
        self.lock(".addresses", "gear create", CHOOSING, interrupts, &mut |_| ())
    }
}

const LOCKS: &str = ".locks";

/// The last directory on the way to `directory` that is there.
fn there_above(directory: &Utf8Path) -> Option<&Utf8Path> {
    directory.ancestors().find(|above| above.is_dir())
}

/// What root makes in a directory of somebody else's is root's, and its owner's commands fail on it
/// from then on.
fn check_owner(directory: &Utf8Path) -> Result<(), GearError> {
    let owner = directory.metadata().map_or(0, |metadata| metadata.uid());
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(GearError::failed(format!(
        "{directory} belongs to the user {owner}, and root would leave files there that are not that user's: run gear as the user {owner}, or set GEAR_HOME to a directory of root's"
    )))
}

/// A full disk must not keep a gear from being removed: that makes room.
fn unless_full(written: Result<(), FileError>) -> Result<(), FileError> {
    written.or_else(|error| if fault::is_shortage(&error.source) { Ok(()) } else { Err(error) })
}

/// Ends the processes of a gear of which not much more than its identity is there.
fn end_processes(home: &Utf8Path) -> Result<(), GearError> {
    let uuid = files::read_if_exists(&home.join(".env/OPENSHIFT_GEAR_UUID"))?.unwrap_or_default();
    let uuid = String::from_utf8_lossy(&uuid).trim().to_owned();
    if uuid.is_empty() {
        // No script ran before it had one.
        return Ok(());
    }
    let processes = Processes::new(home.to_owned(), &uuid);
    GearError::unless_gone(&processes.end_all(LAST_PROCESSES), "the gear")
}

#[cfg(test)]
mod tests;
