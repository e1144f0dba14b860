//! What the supervisor notes on disk, so that a successor finds what still runs.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, tree};
use serde::{Deserialize, Serialize};

use crate::protocol::service::ServiceSpec;

/// `run/supervisor.json`, readable by the gear's user only: it holds the environment of services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The supervisor that wrote it.
    pub(crate) supervisor: Option<ProcessId>,
    /// The boot in which it was written: processes of another one are gone, whoever has their pids.
    pub(crate) boot: String,
    /// The highest generation that was given out.
    pub(crate) generation: u64,
    /// Processes that serve, or still finish their work.
    pub(crate) processes: Vec<RecordedProcess>,
    /// Services that have no process now, and are to be started.
    #[serde(default)]
    pub(crate) starts: Vec<Recorded>,
    /// What writes the logs of services.
    #[serde(default)]
    pub(crate) writers: Vec<ProcessId>,
    /// Whether somebody has said that the end is near.
    #[serde(default)]
    pub(crate) end_nears: bool,
}

/// This boot of the system.
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// One process of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordedProcess {
    pub(crate) process: ProcessId,
    pub(crate) role: Role,
    #[serde(flatten)]
    pub(crate) of: Recorded,
}

/// A generation of a service: in the record it is started again where nothing of it runs, because its
/// predecessor still runs, or it has crashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) generation: u64,
    pub(crate) spec: ServiceSpec,
    /// What it is started again with, if not with the command of its spec.
    #[serde(default)]
    pub(crate) again_with: Option<CommandSpec>,
    /// Whether it has not answered since it was started again after a crash.
    #[serde(default)]
    pub(crate) has_to_answer: bool,
}

/// What a process does, as far as a successor must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// It is the one that serves.
    Serves,
    /// It was replaced, and serves on for a while.
    Lingers,
    /// It was asked to end, or has not proved itself: a successor ends it.
    Ends,
}

impl Recorded {
    pub(crate) fn new(generation: u64, spec: ServiceSpec) -> Self {
        Self { generation, spec, again_with: None, has_to_answer: false }
    }
}

impl Record {
    /// The place of the record below a cartridge's `run/`.
    pub(crate) fn path(run: &Utf8Path) -> Utf8PathBuf {
        run.join("supervisor.json")
    }

    /// What the last supervisor noted. One that cannot be read is as good as none: what it named
    /// would be started anew, on sockets of its own.
    pub(crate) fn read(run: &Utf8Path) -> Self {
        let record: Self = std::fs::read(Self::path(run))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        if record.boot == boot() {
            return record;
        }
        Self { generation: record.generation, ..Self::default() }
    }

    /// Whether something that it names still runs.
    pub(crate) fn anything_runs(&self) -> bool {
        self.processes.iter().any(|recorded| recorded.process.is_alive())
    }

    pub(crate) fn write(&self, run: &Utf8Path) -> Result<(), FileError> {
        let path = Self::path(run);
        let json = serde_json::to_vec(self)
            .map_err(|e| FileError::new("write", &path, std::io::Error::other(e)))?;
        if path.is_dir() {
            tree::remove(&path)?;
        }
        // Not synced: it is of no use after a reboot, and nothing must wait for a slow disk.
        files::write_unsynced(&path, &json, 0o600)
    }
}
