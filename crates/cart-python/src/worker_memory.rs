//! How much memory a worker of this app takes, as it was measured: kept on the gear, in `run/`.
//!
//! It is of the app, whatever its release or its server: the last one's is a better guess for the next
//! than any number of ours, and is corrected as soon as that runs.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use serde::{Deserialize, Serialize};

/// A worker that has lived so long has grown to its size, and may bring the number down.
const GROWN: Duration = Duration::from_secs(600);

/// What was measured, in bytes of the largest worker: its fair share of what it shares with others (PSS)
/// where the kernel tells that, else all that is resident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerMemory {
    /// What numbers of workers are reckoned by.
    pub settled: Option<u64>,
    /// What was seen since. It counts when the next generation is made, not before: else a start of
    /// what runs already would be another number of workers, and replace it.
    pub latest: Option<u64>,
}

impl WorkerMemory {
    /// What the file at `path` says; nothing, if it cannot be read.
    #[must_use]
    pub fn read(path: &Utf8Path) -> Self {
        let bytes = files::read_if_exists(path).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub fn write(&self, path: &Utf8Path) -> Result<(), FileError> {
        let json = serde_json::to_vec(self)
            .map_err(|e| FileError::new("write", path, std::io::Error::other(e)))?;
        files::write_unsynced(path, &json, 0o600)
    }

    /// Takes note of what the largest worker of a server has now that runs for `lived`. A young one
    /// has not been asked for much yet: what is known of grown ones counts on, unless it is more.
    pub fn see(&mut self, bytes: u64, lived: Duration) {
        let known = self.latest.or(self.settled);
        let known = known.filter(|known| lived < GROWN && *known > bytes);
        self.latest = Some(known.unwrap_or(bytes));
    }

    /// Lets what was seen last count: a new generation is about to be made.
    pub fn settle(&mut self) {
        self.settled = self.latest.or(self.settled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn what_is_seen_counts_from_the_next_generation_on_and_survives_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("worker-memory.json");
        let mut memory = WorkerMemory::read(&file);
        assert_eq!(memory, WorkerMemory::default());
        memory.see(90 * MB, Duration::ZERO);
        assert_eq!(memory.settled, None);
        memory.settle();
        memory.see(140 * MB, Duration::from_secs(5));
        memory.write(&file).unwrap();
        let mut memory = WorkerMemory::read(&file);
        assert_eq!(memory.settled, Some(90 * MB));
        memory.settle();
        assert_eq!(memory.settled, Some(140 * MB));
        files::write_atomic(&file, b"{ half", 0o600).unwrap();
        assert_eq!(WorkerMemory::read(&file), WorkerMemory::default());
    }

    #[test]
    fn a_young_worker_does_not_make_the_number_smaller_and_a_grown_one_does() {
        let mut memory = WorkerMemory { settled: Some(140 * MB), latest: None };
        memory.see(60 * MB, Duration::from_secs(5));
        assert_eq!(memory.latest, Some(140 * MB));
        memory.see(70 * MB, GROWN);
        assert_eq!(memory.latest, Some(70 * MB));
    }
}
