//! A process that is to end, in steps: it serves on for a while, is asked to end, is killed.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::protocol::handed_over::{Copies, HandedProcess, ago, from_now, in_millis, millis_ago};
use crate::protocol::service::{Listen, ServiceSpec, Stop};
use crate::services::instance::{HandedSocket, Held, Instance, Running};

/// How often to look at the backlog of a server that is to end.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(100);

/// A process that is to end, in steps.
#[derive(Debug)]
pub(crate) struct Draining {
    pub(crate) spec: ServiceSpec,
    pub(crate) generation: u64,
    pub(crate) process: Running,
    step: Step,
    since: Instant,
    /// Kept until the signal: what arrives in the backlog before it is still served.
    held: Vec<Held>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Linger(Instant),
    Drain(Instant),
    Killed,
}

/// A process that is to end, as it is handed over to the supervisor's next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedDraining {
    spec: ServiceSpec,
    generation: u64,
    process: HandedProcess,
    step: HandedStep,
    since: u64,
    held: Vec<HandedSocket>,
}

/// The same with the milliseconds that are left of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HandedStep {
    Linger(u64),
    Drain(u64),
    Killed,
}

impl HandedDraining {
    pub(crate) fn take_over(self) -> Draining {
        Draining {
            spec: self.spec,
            generation: self.generation,
            process: Running::take_over(self.process),
            step: match self.step {
                HandedStep::Linger(left) => Step::Linger(in_millis(left)),
                HandedStep::Drain(left) => Step::Drain(in_millis(left)),
                HandedStep::Killed => Step::Killed,
            },
            since: millis_ago(self.since),
            held: self.held.into_iter().filter_map(Held::take_over).collect(),
        }
    }
}

impl Draining {
    /// What the supervisor's next program needs to go on with it.
    pub(crate) fn hand_over(&self, copies: &mut Copies) -> io::Result<HandedDraining> {
        let held: io::Result<_> = self.held.iter().map(|held| held.hand_over(copies)).collect();
        Ok(HandedDraining {
            spec: self.spec.clone(),
            generation: self.generation,
            process: self.process.hand_over(),
            step: match self.step {
                Step::Linger(at) => HandedStep::Linger(from_now(at)),
                Step::Drain(at) => HandedStep::Drain(from_now(at)),
                Step::Killed => HandedStep::Killed,
            },
            since: ago(self.since),
            held: held?,
        })
    }

    /// The end of `instance`, which lingers first if somebody took its place.
    pub(crate) fn new(instance: Instance, replaced: bool) -> Option<Self> {
        let process = instance.process?;
        let linger = if replaced { instance.spec.stop.linger } else { 0 };
        Some(Self {
            step: Step::Linger(Instant::now() + Duration::from_secs(linger)),
            since: Instant::now(),
            // Who was never published, or is stopped for good, has nobody waiting.
            held: if replaced { instance.held } else { Vec::new() },
            process,
            generation: instance.generation,
            spec: instance.spec,
        })
    }

    /// A process that a crashed service left behind.
    fn leftover(spec: &ServiceSpec, generation: u64, id: ProcessId) -> Self {
        Self {
            spec: spec.clone(),
            generation,
            process: Running { id, since: Instant::now(), ours: false },
            step: Step::Linger(Instant::now()),
            since: Instant::now(),
            held: Vec::new(),
        }
    }

    /// Whether it was replaced, and still serves those who have connections to it.
    pub(crate) fn lingers(&self) -> bool {
        matches!(self.step, Step::Linger(until) if until > Instant::now())
    }

    /// When the next step is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.step {
            Step::Linger(at) | Step::Drain(at) => Some(at),
            Step::Killed => None,
        }
    }

    /// Takes the next step; answers what was done, for the log.
    pub(crate) fn advance(&mut self) -> Option<&'static str> {
        let Stop { signal, drain, .. } = self.spec.stop;
        match self.step {
            // Some servers, told to end, forget what nobody has accepted yet.
            Step::Linger(_) if self.backlog_waits() && self.since.elapsed() < self.patience() => {
                self.step = Step::Linger(Instant::now() + BACKLOG_INTERVAL);
                None
            }
            Step::Linger(_) => {
                self.process.id.signal(signal.signal());
                // What somebody stopped can only end when it goes on.
                self.process.id.signal_group(Signal::CONT);
                self.held.clear();
                self.step = Step::Drain(Instant::now() + Duration::from_secs(drain));
                Some("asked to end")
            }
            Step::Drain(_) => {
                self.kill();
                Some("killed: it did not end in time")
            }
            Step::Killed => None,
        }
    }

    /// Whether somebody has connected to a socket that only this generation serves and waits to
    /// be accepted.
    fn backlog_waits(&self) -> bool {
        let own = self.held.iter().filter(|held| matches!(held.listen, Listen::Unix(_)));
        let mut sockets: Vec<PollFd<'_>> =
            own.map(|held| PollFd::from_borrowed_fd(held.socket.as_fd(), PollFlags::IN)).collect();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        !sockets.is_empty() && poll(&mut sockets, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// How long a backlog is waited for.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.spec.stop.linger + self.spec.stop.drain)
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        self.process.id.signal_group(Signal::KILL);
        self.process.id.signal(Signal::KILL);
        self.step = Step::Killed;
    }

    /// Ends the lingering now.
    pub(crate) fn hurry(&mut self) {
        if let Step::Linger(_) = self.step {
            self.step = Step::Linger(Instant::now());
        }
    }
}

/// What the leader of a process group has left behind when it ended.
pub(crate) fn leftovers(spec: &ServiceSpec, generation: u64, pid: u32) -> Vec<Draining> {
    let left = process::group_without(pid).into_iter();
    left.map(|id| Draining::leftover(spec, generation, id)).collect()
}
