//! Who goes on when a supervisor is killed: its own processes outlive it, see its end, and start the
//! next one, which takes over.
//!
//! They see it by a pipe that only the supervisor holds open for writing, so that nobody has to look
//! now and then, and it stays open while the supervisor becomes another program. What is started is
//! a supervisor that goes by the record. When the former one was about to end everything, which it
//! notes in that pipe, where no full disk is in the way, the next one ends it. That there is only one
//! is seen to by a lock on the cartridge's directory, which nobody loses with `run/`.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, inherited, run};
use rustix::event::PollFlags;
use rustix::io::ioctl_fionread;
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::client::supervisor_process::SupervisorProcess;
use crate::protocol::handed_over::Descriptor;
use crate::protocol::subcommands::GUARD;
use crate::sockets::events;

/// The descriptor by which a process of the supervisor's sees its end.
const LIFELINE_DESCRIPTOR: i32 = 3;

/// How soon the next try follows, when somebody else has the lock: a hook, which is starting a
/// supervisor that will tell us to end. Then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What tells the supervisor's own processes that it lives, and whether it is about to end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lifeline {
    reader: Descriptor,
    writer: Descriptor,
}

impl Lifeline {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { reader: reader.into(), writer: writer.into() })
    }

    /// Notes that everything is about to end, or not any more.
    pub(crate) fn note_ending(&self, ending: bool) {
        // Nobody else reads it: what is in it stays there for all to see.
        if ending && !is_ending(&self.reader) {
            let _ = rustix::io::write(&self.writer, &[1]);
        } else if !ending {
            while rustix::io::read(&self.reader, &mut [0; 8]).is_ok_and(|count| count > 0) {}
        }
    }
}

fn is_ending(reader: impl AsFd) -> bool {
    ioctl_fionread(reader).is_ok_and(|count| count > 0)
}

/// A process of the supervisor's that starts the next one if it is killed.
#[derive(Debug)]
pub(crate) struct Heir {
    supervisor: SupervisorProcess,
    /// `None` when there is nothing left to see to.
    lifeline: Option<OwnedFd>,
    again_at: Option<Instant>,
    pause: Duration,
}

impl Heir {
    /// This process, which was started by the supervisor of `run` and `logs` as `program`.
    ///
    /// # Errors
    /// When it was not: the lifeline is missing.
    pub(crate) fn new(
        program: &Utf8Path,
        run: &Utf8Path,
        logs: &Utf8Path,
    ) -> Result<Self, inherited::InheritedFdError> {
        let lifeline = Some(inherited::take(LIFELINE_DESCRIPTOR)?);
        let supervisor = SupervisorProcess::at(run, logs, program);
        Ok(Self { supervisor, lifeline, again_at: None, pause: FIRST_PAUSE })
    }

    /// What to wait for: an end of the pipe wakes without being asked for.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let lifeline = self.lifeline.as_ref().filter(|_| self.again_at.is_none());
        lifeline.map(|lifeline| (lifeline.as_fd(), PollFlags::empty()))
    }

    /// When the next try is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// Whether there is somebody to be succeeded, or soon will be, when nothing is left to write:
    /// everything ended although the supervisor is not ending it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lifeline.as_ref().is_some_and(|lifeline| has_ended(lifeline) || !is_ending(lifeline))
    }

    /// Starts the next supervisor, if this one has been killed.
    pub(crate) fn look(&mut self) {
        let Some(lifeline) = &self.lifeline else { return };
        if self.again_at.is_some_and(|at| at > Instant::now()) || !has_ended(lifeline) {
            return;
        }
        match self.supervisor.succeed(is_ending(lifeline)) {
            Ok(true) => {
                self.lifeline = None;
                self.again_at = None;
            }
            outcome => {
                if let Err(error) = outcome {
                    // Standard error is the supervisor's log.
                    let _ = writeln!(io::stderr(), "nobody succeeds the supervisor: {error}");
                }
                self.again_at = Some(Instant::now() + self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether nobody holds the other end any more.
fn has_ended(lifeline: &OwnedFd) -> bool {
    events::is_ready(lifeline, PollFlags::empty())
}

/// The whole work of a [`GUARD`]: to be there until it is told to end.
///
/// # Errors
/// When the system refuses a descriptor or a wait.
pub(crate) fn guard(mut heir: Heir) -> io::Result<()> {
    let mut end = events::signals(&[SIGTERM, SIGINT])?;
    loop {
        let told = (end.get_read().as_fd(), PollFlags::IN);
        events::wait(heir.interest().into_iter().chain([told]).collect(), heir.deadline())?;
        if end.pending().next().is_some() {
            return Ok(());
        }
        heir.look();
    }
}

/// What a process needs to succeed this supervisor.
#[derive(Debug)]
pub(crate) struct Succession {
    pub(crate) lifeline: Lifeline,
    /// What this supervisor was started as.
    pub(crate) program: Utf8PathBuf,
    pub(crate) run: Utf8PathBuf,
    pub(crate) logs: Utf8PathBuf,
}

impl Succession {
    /// What a child is to inherit as its first descriptor: the end by which it sees what becomes of this
    /// process.
    pub(crate) fn held(&self) -> io::Result<Vec<OwnedFd>> {
        Ok(vec![self.lifeline.reader.as_fd().try_clone_to_owned()?])
    }

    /// Starts a guard: somebody has to stand by while no writer of our own does, for a node's logshifter
    /// succeeds nobody.
    pub(crate) fn start_guard(&self, errors: &File) -> Result<ProcessId, String> {
        let mut command = CommandSpec::new(&self.program, &GearEnv::new()).args([
            GUARD,
            self.run.as_str(),
            self.logs.as_str(),
        ]);
        if let Some(directory) = self.run.parent() {
            command = command.dir(directory);
        }
        let held = self.held().map_err(|e| e.to_string())?;
        let child = run::service(&command, held, errors).map_err(|e| e.to_string())?;
        ProcessId::of_child(child.id()).ok_or_else(|| "/proc does not show its process".to_owned())
    }
}
