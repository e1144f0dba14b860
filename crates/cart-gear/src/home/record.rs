//! `.gear.json` in a kept gear's home: what a node has in its own places. All else about a gear is
//! found in the node's layout.

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use serde::{Deserialize, Serialize};

const FILE: &str = ".gear.json";

/// What is remembered of a gear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whether it is whole.
    pub stage: Stage,
    /// Where its cartridge was taken from; a node's cartridge repository. It may be gone.
    pub cartridge: Utf8PathBuf,
    /// Directories that come after those of the node in `PATH`: those of the person who made it.
    pub path: Option<String>,
    /// The addresses it was given, for its whole life. Scripts find theirs in `.env`; these are
    /// for the choice of other gears' addresses.
    pub addresses: Vec<SocketAddr>,
}

/// How far a gear has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is being made, or its making was killed.
    Creating,
    /// It is whole.
    Kept,
    /// It is being destroyed, or that was killed.
    Destroying,
}

impl Record {
    /// Reads the record in `home`; `None` when there is none, so that `home` is no kept gear's.
    ///
    /// # Errors
    /// [`FileError`] naming the file, also when it is not what `gear` writes.
    pub fn read(home: &Utf8Path) -> Result<Option<Self>, FileError> {
        let path = home.join(FILE);
        let content = match files::read_if_exists(&path) {
            // A file in a gear's place.
            Err(error) if error.source.kind() == std::io::ErrorKind::NotADirectory => None,
            other => other?,
        };
        let parse = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes)
                .map_err(|e| FileError::new("understand", &path, e.into()))
        };
        content.map(parse).transpose()
    }

    /// Writes the record into `home`.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub fn write(&self, home: &Utf8Path) -> Result<(), FileError> {
        let path = home.join(FILE);
        let json =
            serde_json::to_vec(self).map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o600)
    }
}
