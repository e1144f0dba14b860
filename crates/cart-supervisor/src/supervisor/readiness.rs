//! Whether visitors are wanted, told by a file in `run/`: whoever stands in front can look for it without
//! asking anybody ([`CartridgeDir::ready_file`]).

use std::time::{Duration, Instant};

use cart_core::{CartridgeDir, files};

use crate::services::supervised::Service;
use crate::supervisor::state::Supervisor;

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
}

impl Supervisor {
    /// Makes the file or removes it, if what it tells is not so any more. A replaced generation is as good
    /// as its successor: until that has proved itself it serves, so a restart changes nothing here.
    pub(crate) fn tell_readiness(&mut self) {
        let ready = self.is_ready();
        let readiness = &mut self.readiness;
        let waits = readiness.again_at.is_some_and(|at| at > Instant::now());
        if readiness.told == Some(ready) || waits {
            return;
        }
        let file =
            CartridgeDir::new(self.run.parent().unwrap_or(&self.run).to_owned()).ready_file();
        let done = match ready {
            true => files::write_unsynced(&file, &[], 0o644),
            false => files::remove_if_exists(&file),
        };
        readiness.told = done.is_ok().then_some(ready);
        readiness.again_at = done.is_err().then(|| Instant::now() + PAUSE);
        if let Err(error) = done {
            self.log.line(format_args!("whether everything serves is not told: {error}"));
        }
    }

    /// Whether all services with sockets serve, of which there are some.
    fn is_ready(&self) -> bool {
        let mut services = self.services.iter().filter_map(Service::serves).peekable();
        let all = services.peek().is_some() && services.all(|serves| serves);
        all && !self.readiness.end_nears && !self.readiness.ends && !self.finished
    }
}
