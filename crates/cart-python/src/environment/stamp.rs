//! What an environment remembers of how it was made, so that nothing is done twice.
//!
//! The stamp is the last thing written before an environment is put in place: one without a stamp
//! was never finished, or was made by somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::environment::interpreter::Interpreter;

/// Its name inside an environment.
pub const FILE: &str = "cartridge.json";

/// Raised when an older stamp must not be believed any more.
const FORMAT: u32 = 1;

/// How an environment was made, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    format: u32,
    /// The interpreter it is built on.
    pub python: BasePython,
    /// Where it stands, as its own scripts name it.
    pub place: Utf8PathBuf,
    /// The app's repository, as links from site-packages into it name it.
    pub repo: Utf8PathBuf,
    /// Digest of everything that the app asks for (`Inputs::digest`).
    pub app: String,
    /// The packages that are there because a server asked for them, not the app, each with the
    /// lines that it was asked for by. Only those may be replaced by a version of our choice.
    pub ours: BTreeMap<String, Vec<String>>,
    /// The names of the packages that are there because a lock has them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locked: BTreeSet<String>,
    /// Whether it was made before there was an app that could say on which Python.
    #[serde(default)]
    pub provisional: bool,
    /// The static files that are kept in it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Collected>,
}

impl Stamp {
    /// A stamp of the present format.
    #[must_use]
    pub fn new(python: BasePython, place: &Utf8Path, repo: &Utf8Path) -> Self {
        Self {
            format: FORMAT,
            python,
            place: place.to_owned(),
            repo: repo.to_owned(),
            app: String::new(),
            ours: BTreeMap::new(),
            locked: BTreeSet::new(),
            provisional: false,
            collected: None,
        }
    }

    /// The stamp of the environment in `dir`; `None` when there is none that can be believed.
    #[must_use]
    pub fn read(dir: &Utf8Path) -> Option<Self> {
        let bytes = std::fs::read(dir.join(FILE)).ok()?;
        let stamp: Self = serde_json::from_slice(&bytes).ok()?;
        (stamp.format == FORMAT).then_some(stamp)
    }

    /// Puts this stamp on the environment in `dir`.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub fn write(&self, dir: &Utf8Path) -> Result<(), FileError> {
        let path = dir.join(FILE);
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| FileError::new("write", &path, std::io::Error::other(e)))?;
        // Not synced, as nothing is that installers write: it must not outlive a power failure that the
        // rest has not.
        files::write_unsynced(&path, &json, 0o644)
    }
}

/// The static files that an environment keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Where the files are in the site: `STATIC_URL`.
    pub url: String,
    /// Which of the environment's folders for them has them.
    pub(crate) number: u64,
}

/// An interpreter, and the mark by which a change of it is noticed without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasePython {
    /// Its version.
    pub version: Version,
    /// Its executable, links resolved.
    pub executable: Utf8PathBuf,
    size: u64,
    /// Seconds since 1970.
    modified: i64,
}

impl BasePython {
    /// The mark of an interpreter as it is now.
    ///
    /// # Errors
    /// [`FileError`] when its executable cannot be looked at.
    pub fn of(interpreter: &Interpreter) -> Result<Self, FileError> {
        let executable = &interpreter.executable;
        let metadata = std::fs::metadata(executable)
            .map_err(|source| FileError::new("look at", executable, source))?;
        Ok(Self {
            version: interpreter.version.clone(),
            executable: executable.clone(),
            size: metadata.size(),
            modified: metadata.mtime(),
        })
    }

    /// What became of it.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match std::fs::metadata(&self.executable) {
            Err(_) => Fate::Gone,
            Ok(now) if now.size() == self.size && now.mtime() == self.modified => Fate::Same,
            Ok(_) => Fate::Replaced,
        }
    }
}

/// What became of an interpreter since an environment was built on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The very same file.
    Same,
    /// Another file in its place: a security update, or another version.
    Replaced,
    /// Nothing in its place.
    Gone,
}
