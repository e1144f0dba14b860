//! What the supervisor notes on disk, so that a successor finds what still runs.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use serde::{Deserialize, Serialize};

use crate::service::ServiceSpec;

/// `run/supervisor.json`, readable by the gear's user only: it holds the environment of services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The supervisor that wrote it.
    pub(crate) supervisor: Option<ProcessId>,
    /// The highest generation that was given out.
    pub(crate) generation: u64,
    /// Processes that serve, or still finish their work.
    pub(crate) processes: Vec<RecordedProcess>,
}

/// One process of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordedProcess {
    pub(crate) process: ProcessId,
    pub(crate) generation: u64,
    pub(crate) spec: ServiceSpec,
}

impl Record {
    /// The place of the record below a cartridge's `run/`.
    pub(crate) fn path(run: &Utf8Path) -> Utf8PathBuf {
        run.join("supervisor.json")
    }

    /// What the last supervisor noted. One that cannot be read is as good as none: what it named
    /// would be started anew, on sockets of its own.
    pub(crate) fn read(run: &Utf8Path) -> Self {
        std::fs::read(Self::path(run))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub(crate) fn write(&self, run: &Utf8Path) -> Result<(), FileError> {
        let path = Self::path(run);
        let json = serde_json::to_vec(self)
            .map_err(|e| FileError::new("write", &path, std::io::Error::other(e)))?;
        files::write_atomic(&path, &json, 0o600)
    }
}
