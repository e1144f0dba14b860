//! Whether visitors are wanted, and whether nothing can be hoped for any more, told by files in `run/`: whoever
//! stands in front can look for them without asking anybody ([`CartridgeDir::ready_file`],
//! [`CartridgeDir::given_up_file`]).

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::CartridgeDir;
use cart_core::files::{self, FileError};

/// How soon it is tried again to make or remove the file.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// Somebody has said that the end is near; in the record, too.
    pub(crate) end_nears: bool,
    /// Everything is being stopped.
    pub(crate) ends: bool,
    /// What the files tell; `None` when nobody knows.
    told: Option<(bool, bool)>,
    /// When to try again what was not possible.
    again_at: Option<Instant>,
}

impl Readiness {
    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// Somebody may have removed the file, or made it.
    pub(crate) fn forget(&mut self) {
        self.told = None;
    }

    /// Makes the files in `run`, or removes them, if what they tell is not so any more. `serves`: whether everything
    /// does that is to serve; `gave_up`: whether something of that is not started again.
    pub(crate) fn tell(
        &mut self,
        serves: bool,
        gave_up: bool,
        run: &Utf8Path,
    ) -> Result<(), FileError> {
        let ready = serves && !self.end_nears && !self.ends;
        let waits = self.again_at.is_some_and(|at| at > Instant::now());
        if self.told == Some((ready, gave_up)) || waits {
            return Ok(());
        }
        let dir = CartridgeDir::new(run.parent().unwrap_or(run).to_owned());
        let tell = |file: Utf8PathBuf, is_so: bool| match is_so {
            true => files::write_unsynced(&file, &[], 0o644),
            false => files::remove_if_exists(&file),
        };
        let done = tell(dir.ready_file(), ready).and_then(|()| tell(dir.given_up_file(), gave_up));
        self.told = done.is_ok().then_some((ready, gave_up));
        self.again_at = done.is_err().then(|| Instant::now() + PAUSE);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_there_while_it_is_so() {
        let place = tempfile::tempdir().unwrap();
        let run = Utf8Path::from_path(place.path()).unwrap().join("run");
        std::fs::create_dir(&run).unwrap();
        let mut readiness = Readiness::default();
        for (serves, gave_up) in [(true, false), (false, false), (false, true), (true, false)] {
            readiness.tell(serves, gave_up, &run).unwrap();
            let there = ["ready", "given-up"].map(|file| run.join(file).exists());
            assert_eq!(there, [serves, gave_up]);
        }
        readiness.end_nears = true;
        readiness.tell(true, false, &run).unwrap();
        assert!(!run.join("ready").exists());
    }
}
