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
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::env::EnvError;
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, fault};

use crate::environment::endpoint::OwnAddresses;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::open::OpenError;
use crate::gear::options::Conditions;
use crate::home::lifecycle::{DestroyError, LAST_PROCESSES};
use crate::home::lock::owner::{ForeignHome, check_owner};
use crate::home::lock::{GearLock, GearLockError, LockHolder};
use crate::home::names::{self, did_you_mean};
use crate::home::record::{Record, Stage};
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
    /// [`GearHomeError`] naming the variable or the directory.
    pub fn from_env(env: &GearEnv) -> Result<Self, GearHomeError> {
        let directory = if env.text("GEAR_HOME")?.is_some() {
            env.directory("GEAR_HOME")?
        // A relative one counts as unset, as its specification has it.
        } else if let Ok(data) = env.directory("XDG_DATA_HOME") {
            data.join("gear")
        } else if env.text("HOME")?.is_some() {
            env.directory("HOME")?.join(".local/share/gear")
        } else {
            return Err(GearHomeError::Nowhere);
        };
        if let (Err(_), Some(above)) = (directory.metadata(), there_above(&directory)) {
            check_owner(above)?;
        }
        Ok(Self::at(&directory)?)
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
    /// [`FindError::Unknown`], with the name that was probably meant.
    pub fn find(&self, name: &str) -> Result<Listed, FindError> {
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
        Err(FindError::Unknown {
            name: name.to_owned(),
            directory: self.directory.clone(),
            suggestion: names::nearest(name, known.iter().map(|gear| gear.name.as_str())),
        })
    }

    /// Opens the gear `name`. Who changes it holds its lock.
    ///
    /// # Errors
    /// [`FindError`], also when it is unfinished.
    pub fn open(&self, name: &str, conditions: Conditions) -> Result<GearOnDisk, FindError> {
        let listed = self.find(name)?;
        if listed.record.stage != Stage::Kept {
            return Err(FindError::Unfinished { name: listed.name });
        }
        let path = listed.record.path.map(OsString::from);
        Ok(GearOnDisk::open(&listed.home, path, conditions)?)
    }

    /// Takes the lock of the gear `name`, which need not be there, for this process, which does
    /// `what`; see [`GearLock::acquire`].
    ///
    /// # Errors
    /// [`GearLockError`].
    pub fn lock(
        &self,
        name: &str,
        what: &str,
        limit: Duration,
        interrupts: &Interrupts,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<GearLock, GearLockError> {
        check_owner(&self.directory)?;
        GearLock::acquire(&self.lock_file(name)?, what, limit, interrupts, waiting)
    }

    /// Who works on the gear `name` now.
    #[must_use]
    pub fn holder(&self, name: &str) -> Option<LockHolder> {
        GearLock::holder(&self.directory.join(LOCKS).join(name))
    }

    /// The lock file of the gear `name`, in a directory that is made if it is missing.
    ///
    /// # Errors
    /// [`FileError`] naming the directory.
    pub fn lock_file(&self, name: &str) -> Result<Utf8PathBuf, FileError> {
        let locks = self.directory.join(LOCKS);
        files::create_dir(&locks, 0o700)?;
        Ok(locks.join(name))
    }

    /// Destroys the gear `name`, unfinished or not: stops the app, takes the cartridge off, ends
    /// whatever still runs for it, removes its home. What fails on the way is a notice.
    ///
    /// # Errors
    /// [`DestroyError`] when it is another user's, or something is left behind.
    pub fn destroy(
        &self,
        listed: &Listed,
        conditions: Conditions,
        held: GearLock,
        progress: &mut dyn Progress,
    ) -> Result<(), DestroyError> {
        if listed.home != self.home_of(&listed.name) {
            self.clear(&listed.name)?;
            return Ok(held.remove()?);
        }
        let path = listed.record.path.clone().map(OsString::from);
        let opened = GearOnDisk::open(&listed.home, path, conditions);
        if let Err(error @ OpenError::Owner { .. }) = opened {
            return Err(DestroyError::NotOurs(error));
        }
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

    pub(crate) fn lock_addresses(
        &self,
        interrupts: &Interrupts,
    ) -> Result<GearLock, GearLockError> {
        self.lock(".addresses", "gear create", CHOOSING, interrupts, &mut |_| ())
    }
}

const LOCKS: &str = ".locks";

/// The last directory on the way to `directory` that is there.
fn there_above(directory: &Utf8Path) -> Option<&Utf8Path> {
    directory.ancestors().find(|above| above.is_dir())
}

/// A full disk must not keep a gear from being removed: that makes room.
fn unless_full(written: Result<(), FileError>) -> Result<(), FileError> {
    written.or_else(|error| if fault::is_shortage(&error.source) { Ok(()) } else { Err(error) })
}

/// Ends the processes of a gear of which not much more than its identity is there.
fn end_processes(home: &Utf8Path) -> Result<(), DestroyError> {
    let uuid = files::read_if_exists(&home.join(".env/OPENSHIFT_GEAR_UUID"))?.unwrap_or_default();
    let uuid = String::from_utf8_lossy(&uuid).trim().to_owned();
    if uuid.is_empty() {
        // No script ran before it had one.
        return Ok(());
    }
    let processes = Processes::new(home.to_owned(), &uuid);
    DestroyError::unless_gone(&processes.end_all(LAST_PROCESSES))
}

/// No directory for gears.
#[derive(Debug, thiserror::Error)]
pub enum GearHomeError {
    /// Nothing says where.
    #[error("nothing says where gears live: set GEAR_HOME to a directory (or HOME)")]
    Nowhere,
    /// A variable is wrong.
    #[error(transparent)]
    Variable(#[from] EnvError),
    /// It would have to be made in a directory of another user's.
    #[error(transparent)]
    Foreign(#[from] ForeignHome),
    /// The directory could not be made.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A gear that is not there, or not to be worked on.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none.
    #[error("there is no gear {name:?} in {directory}{}", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        directory: Utf8PathBuf,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A making or a destroying goes on or was killed.
    #[error(
        "the gear {name} is unfinished: its making or its end goes on or was killed; `gear destroy {name}` removes it"
    )]
    Unfinished {
        /// Its name.
        name: String,
    },
    /// It is there and cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
