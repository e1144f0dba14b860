//! What a user asks of a gear that is there, with the node's marks of it: the state and the stop
//! lock, both written before the script runs (node-contract.md, control).

use std::time::Duration;

use cart_core::files::FileError;
use cart_core::tree;

use crate::deploy::error::BuildError;
use crate::deploy::recovery::exchanged::STAGING;
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::state::{Marks, State};
use crate::scripts::output::HookOutput;
use crate::scripts::progress::Progress;
use crate::scripts::run::HookError;

/// How long the processes of a gear that is idled may take after SIGTERM (node-contract.md,
/// control).
const IDLING: Duration = Duration::from_secs(30);

impl GearOnDisk {
    /// Starts the gear as its user would.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn start(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        self.started("start", progress)
    }

    /// Stops the gear as its user would: it is not to be started by anybody else.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn stop(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        Marks { state: State::Stopped, stop_lock: true }.set(&self.layout)?;
        Ok(self.control("stop", progress)?)
    }

    /// Restarts the gear as its user would; one that is stopped is started.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn restart(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        self.started("restart", progress)
    }

    /// Has the cartridge read its configuration again: `reload`, or `force-reload` while the gear
    /// is not started.
    ///
    /// # Errors
    /// [`HookError`].
    pub fn reload(&self, progress: &mut dyn Progress) -> Result<HookOutput, HookError> {
        let started = self.state() == State::Started;
        self.control(if started { "reload" } else { "force-reload" }, progress)
    }

    /// Has a started gear tell what its threads do.
    ///
    /// # Errors
    /// [`OperationError`], when it is not started.
    pub fn threaddump(&self, progress: &mut dyn Progress) -> Result<HookOutput, OperationError> {
        match self.state() {
            State::Started => Ok(self.control("threaddump", progress)?),
            state => Err(OperationError::NotStarted { name: self.name.clone(), state }),
        }
    }

    /// Stops the gear, empties its private `/tmp`, removes what a restore left, lets the cartridge tidy up, and starts the gear
    /// again if it ran, whatever failed; after a kill, with the next command on it. What fails
    /// between stop and start is a notice, unless somebody asked for an end.
    ///
    /// # Errors
    /// [`OperationError`] when the stop or the start fails, or somebody asks for an end.
    pub fn tidy(&mut self, progress: &mut dyn Progress) -> Result<(), OperationError> {
        let mut unfinished = Unfinished::of(&self.layout);
        let ran = unfinished.state == State::Started && !self.layout.stop_lock().exists();
        if ran {
            self.begin_pause_if_room(&mut unfinished, progress)?;
        }
        let tidied = self.quiesce(ran, progress).and_then(|()| self.tidy_stopped(progress));
        if !ran {
            return Ok(tidied?);
        }
        let again = self.resume(progress);
        self.end_of(progress);
        Ok(tidied.and(again)?)
    }

    fn tidy_stopped(&self, progress: &mut dyn Progress) -> Result<(), HookError> {
        let staging = self.layout.home().join(STAGING);
        for removed in [tree::empty(&self.layout.tmp()), tree::remove(&staging)] {
            if let Err(error) = removed {
                progress.notice(&error.to_string());
            }
        }
        match self.control("tidy", progress) {
            Err(error @ HookError::Interrupted { .. }) => return Err(error),
            Err(error) => progress.notice(&format!("Tidying up went wrong: {}", error.summary())),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Stops a gear that nobody visits, until [`unidle`](Self::unidle); what `control stop` leaves
    /// running is ended. Answers whether there was something to do: a gear that its user stopped,
    /// or that is idle, stays as it is.
    ///
    /// # Errors
    /// [`OperationError`].
    pub fn idle(&mut self, progress: &mut dyn Progress) -> Result<bool, OperationError> {
        if self.layout.stop_lock().exists() || matches!(self.state(), State::Idle | State::Stopped)
        {
            return Ok(false);
        }
        State::Idle.write(&self.layout)?;
        let stopped = self.control("stop", progress);
        let left = self.runner.processes.end_orphans(IDLING);
        stopped?;
        if left.is_empty() {
            return Ok(true);
        }
        let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
        Err(OperationError::Survived { pids: pids.join(", ") })
    }

    /// Starts an idle gear. Answers whether there was something to do: any other gear, and one that
    /// its user stopped, stays as it is.
    ///
    /// # Errors
    /// [`OperationError`].
    pub fn unidle(&mut self, progress: &mut dyn Progress) -> Result<bool, OperationError> {
        if self.layout.stop_lock().exists() || self.state() != State::Idle {
            return Ok(false);
        }
        State::Started.write(&self.layout)?;
        self.control("start", progress)?;
        Ok(true)
    }

    /// Asks the cartridge how the app is. A node asks whatever the gear's state is.
    ///
    /// # Errors
    /// [`HookError`] when the cartridge could not be asked; that it is not well is an answer.
    pub fn health(&self, progress: &mut dyn Progress) -> Result<Health, HookError> {
        match self.control("status", progress) {
            Ok(output) => Ok(Health { healthy: true, said: output }),
            Err(HookError::Failed { output, .. }) => Ok(Health { healthy: false, said: output }),
            Err(error) => Err(error),
        }
    }

    fn started(&self, action: &str, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        Marks { state: State::Started, stop_lock: false }.set(&self.layout)?;
        Ok(self.control(action, progress)?)
    }
}

/// What came of `control status`.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether it ended with 0.
    pub healthy: bool,
    /// What it printed.
    pub said: HookOutput,
}

/// Something that was asked of a gear and did not come about.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It needs a started gear.
    #[error("{name} is {state}, and only a started gear can tell this: gear start {name}")]
    NotStarted {
        /// The gear's name.
        name: String,
        /// Its state.
        state: State,
    },
    /// Processes are left.
    #[error("these processes of the gear could not be ended: {pids}")]
    Survived {
        /// Their pids.
        pids: String,
    },
    /// A script failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}
