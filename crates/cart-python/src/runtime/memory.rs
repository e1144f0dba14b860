//! How much memory the processes of this app take, as they were seen: kept on the gear, in `run/`.
//!
//! It is of the app, whatever its release or its server: the last one's is a better guess for the next
//! than any number of ours, and is corrected as soon as that runs.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use serde::{Deserialize, Serialize};

/// The name of the web server's workers; those of others are the names of the Procfile's lines.
pub const WEB: &str = "web";
/// By which name a worker of the second server counts; no line of a Procfile can have it.
pub const SECOND: &str = "web.2";

/// A process that has lived so long has grown to its size, and may bring the number down.
const GROWN: Duration = Duration::from_secs(600);

/// What was seen of the largest process of each kind, in bytes: its fair share of what it shares with
/// others (PSS) where the kernel tells that, else all that is resident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMemory(BTreeMap<String, Seen>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// What numbers of workers are reckoned by.
    settled: Option<u64>,
    /// What was seen since. It counts when the next generation is made, not before: else a start of
    /// what runs already would be another number of workers, and replace it.
    latest: Option<u64>,
}

impl SeenMemory {
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

    /// What is reckoned with for a process called `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.settled
    }

    /// Takes note of what the largest process called `name` has now, which has run for `lived`. A
    /// young one has not been asked for much yet: what is known of grown ones counts on, unless it is
    /// more.
    pub fn see(&mut self, name: &str, bytes: u64, lived: Duration) {
        let seen = self.0.entry(name.to_owned()).or_default();
        let known = seen.latest.or(seen.settled);
        let known = known.filter(|known| lived < GROWN && *known > bytes);
        seen.latest = Some(known.unwrap_or(bytes));
    }

    /// Lets what was seen last count: a new generation is about to be made.
    pub fn settle(&mut self) {
        self.0.values_mut().for_each(|seen| seen.settled = seen.latest.or(seen.settled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn what_is_seen_counts_from_the_next_generation_on_and_survives_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("memory.json");
        let mut memory = SeenMemory::read(&file);
        assert_eq!(memory, SeenMemory::default());
        memory.see(WEB, 90 * MB, Duration::ZERO);
        assert_eq!(memory.of(WEB), None);
        memory.settle();
        memory.see(WEB, 140 * MB, Duration::from_secs(5));
        memory.see("worker", 30 * MB, Duration::from_secs(5));
        memory.write(&file).unwrap();
        let mut memory = SeenMemory::read(&file);
        assert_eq!((memory.of(WEB), memory.of("worker")), (Some(90 * MB), None));
        memory.settle();
        assert_eq!((memory.of(WEB), memory.of("worker")), (Some(140 * MB), Some(30 * MB)));
        files::write_atomic(&file, b"{ half", 0o600).unwrap();
        assert_eq!(SeenMemory::read(&file), SeenMemory::default());
    }

    #[test]
    fn a_young_process_does_not_make_the_number_smaller_and_a_grown_one_does() {
        let after = |bytes, lived| {
            let mut memory = SeenMemory::default();
            memory.see(WEB, 140 * MB, Duration::ZERO);
            memory.settle();
            memory.see(WEB, bytes, lived);
            memory.settle();
            memory.of(WEB).unwrap()
        };
        assert_eq!(after(60 * MB, Duration::from_secs(5)), 140 * MB);
        assert_eq!(after(150 * MB, Duration::from_secs(5)), 150 * MB);
        assert_eq!(after(70 * MB, GROWN), 70 * MB);
    }
}
