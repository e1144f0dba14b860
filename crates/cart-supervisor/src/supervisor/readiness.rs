//! Whether visitors are wanted, told by a file in `run/`: whoever stands in front can look for it without
//! asking anybody ([`CartridgeDir::ready_file`]).

use std::time::{Duration, Instant};

use camino::Utf8Path;
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
    /// What the file tells; `None` when nobody knows.
    told: Option<bool>,
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

    /// Makes the file in `run`, or removes it, if what it tells is not so any more. `serves`: whether everything
    /// does that is to serve.
    pub(crate) fn tell(&mut self, serves: bool, run: &Utf8Path) -> Result<(), FileError> {
        let ready = serves && !self.end_nears && !self.ends;
        let waits = self.again_at.is_some_and(|at| at > Instant::now());
        if self.told == Some(ready) || waits {
            return Ok(());
        }
        let file = CartridgeDir::new(run.parent().unwrap_or(run).to_owned()).ready_file();
        let done = match ready {
            true => files::write_unsynced(&file, &[], 0o644),
            false => files::remove_if_exists(&file),
        };
        self.told = done.is_ok().then_some(ready);
        self.again_at = done.is_err().then(|| Instant::now() + PAUSE);
        done
    }
}
