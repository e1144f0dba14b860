//! What a user asks of a gear that is there, with the node's marks of it: the state and the stop
//! lock, both written before the script runs (node-contract.md, control).

use std::time::Duration;

use cart_core::tree;

use crate::deploy::recovery::exchanged::STAGING;
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::output::HookOutput;
use crate::layout::state::{Marks, State};
use crate::scripts::progress::{Progress, noticed};

/// How long the processes of a gear that is idled may take after SIGTERM (node-contract.md,
/// control).
const IDLING: Duration = Duration::from_secs(30);

impl GearOnDisk {
    /// Starts the gear as its user would.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn start(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        self.started("start", progress)
    }

    /// Stops the gear as its user would: it is not to be started by anybody else.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn stop(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        Marks { state: State::Stopped, stop_lock: true }.set(&self.layout)?;
        self.control("stop", progress)
    }

    /// Restarts the gear as its user would; one that is stopped is started.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn restart(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        self.started("restart", progress)
    }

    /// Has the cartridge read its configuration again: `reload`, or `force-reload` while the gear
    /// is not started.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn reload(&self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        let started = self.state() == State::Started;
        self.control(if started { "reload" } else { "force-reload" }, progress)
    }

    /// Has a started gear tell what its threads do.
    ///
    /// # Errors
    /// [`GearError`], when it is not started.
    pub fn threaddump(&self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        match self.state() {
            State::Started => self.control("threaddump", progress),
            state => {
                let name = &self.name;
                Err(GearError::failed(format!(
                    "{name} is {state}, and only a started gear can tell this: gear start {name}"
                )))
            }
        }
    }

    /// Stops the gear, empties its private `/tmp`, removes what a restore left, lets the cartridge tidy up, and starts the gear
    /// again if it ran, whatever failed; after a kill, with the next command on it. What fails
    /// between stop and start is a notice, unless somebody asked for an end.
    ///
    /// # Errors
    /// [`GearError`] when the stop or the start fails, or somebody asks for an end.
    pub fn tidy(&mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        let mut unfinished = Unfinished::of(&self.layout);
        let ran = unfinished.state == State::Started && !self.layout.stop_lock().exists();
        if ran {
            self.begin_pause_if_room(&mut unfinished, progress)?;
        }
        let tidied = self.quiesce(ran, progress).and_then(|()| self.tidy_stopped(progress));
        if !ran {
            return tidied;
        }
        let again = self.resume(progress);
        self.end_of(progress);
        tidied.and(again)
    }

    fn tidy_stopped(&self, progress: &mut dyn Progress) -> Result<(), GearError> {
        let staging = self.layout.home().join(STAGING);
        noticed(tree::empty(&self.layout.tmp()), progress);
        noticed(tree::remove(&staging), progress);
        match self.control("tidy", progress) {
            Err(error) if error.is_interrupt() => return Err(error),
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
    /// [`GearError`].
    pub fn idle(&mut self, progress: &mut dyn Progress) -> Result<bool, GearError> {
        if self.layout.stop_lock().exists() || matches!(self.state(), State::Idle | State::Stopped)
        {
            return Ok(false);
        }
        State::Idle.write(&self.layout)?;
        let stopped = self.control("stop", progress);
        let left = self.runner.processes.end_orphans(IDLING);
        stopped?;
        GearError::unless_gone(&left, "the gear").map(|()| true)
    }

    /// Starts an idle gear. Answers whether there was something to do: any other gear, and one that
    /// its user stopped, stays as it is.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn unidle(&mut self, progress: &mut dyn Progress) -> Result<bool, GearError> {
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
    /// [`GearError`] when the cartridge could not be asked; that it is not well is an answer.
    pub fn health(&self, progress: &mut dyn Progress) -> Result<Health, GearError> {
        match self.control("status", progress) {
            Ok(output) => Ok(Health { healthy: true, said: output }),
            Err(GearError::Failed { output, .. }) => Ok(Health { healthy: false, said: output }),
            Err(error) => Err(error),
        }
    }

    fn started(&self, action: &str, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        Marks { state: State::Started, stop_lock: false }.set(&self.layout)?;
        self.control(action, progress)
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
