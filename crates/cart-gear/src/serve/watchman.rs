//! What a node's watchman is to its gears, for the one gear of `gear serve`: it starts again what
//! should run and does not (node-contract.md, Logs, watchman, metrics).

use std::time::{Duration, Instant};

use cart_core::process::ProcessId;

use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::scripts::progress::Progress;

/// So many starts in so short a time, and it is left to whoever runs `gear serve` to start it anew: a
/// node's watchman tries three times.
const TRIES: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// Looks after the daemons of one gear.
#[derive(Debug)]
pub(crate) struct Watchman {
    /// Those that a start has left as daemons.
    daemons: Vec<ProcessId>,
    /// All that ran then.
    known: Vec<ProcessId>,
    starts: Vec<Instant>,
}

impl Watchman {
    /// A watchman who expects the daemons that run now to run on.
    pub(crate) fn new(gear: &GearOnDisk) -> Self {
        let processes = gear.processes();
        Self { daemons: processes.orphans(), known: processes.alive(), starts: Vec::new() }
    }

    /// Calls `control start` if a daemon has ended: where others go on without it, as an app does
    /// when its supervisor was killed, a cartridge takes them over; else it starts everything. Answers whether it did.
    pub(crate) fn look(
        &mut self,
        gear: &GearOnDisk,
        progress: &mut dyn Progress,
    ) -> Result<bool, GearError> {
        let Some(ended) = self.daemons.iter().find(|daemon| daemon.has_ended()) else {
            return Ok(false);
        };
        let pid = ended.pid;
        self.starts.retain(|at| at.elapsed() < WITHIN);
        if self.starts.len() == TRIES {
            return Err(GearError::failed(format!(
                "the app ended by itself (pid {pid}) for the fourth time in a minute"
            )));
        }
        self.starts.push(Instant::now());
        progress.notice(&format!("The daemon with pid {pid} has ended: starting again"));
        gear.control("start", progress).map_err(|error| {
            let why = error.summary();
            error.saying(format!(
                "the app ended by itself (pid {pid}) and cannot be started again: {why}"
            ))
        })?;
        // What ran before and has lost its parent is taken over: a new parent, which a cartridge may
        // have started by itself, looks after it, and may end it.
        let orphans = gear.processes().orphans().into_iter();
        let started = orphans.filter(|id| !self.known.contains(id));
        self.daemons.retain(|daemon| !daemon.has_ended());
        self.daemons.extend(started);
        self.known = gear.processes().alive();
        Ok(true)
    }
}
