//! A process that is to end, in steps: it serves on for a while, is asked to end, is killed.

use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId};
use rustix::event::PollFlags;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::protocol::handed_over::{ago, from_now};
use crate::protocol::service::{Listen, ServiceSpec, Stop};
use crate::services::instance::{Held, Instance, Running};
use crate::sockets::events;

/// How often to look at the backlog of a server that is to end.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(100);

/// A process that is to end, in steps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Draining {
    pub(crate) spec: ServiceSpec,
    pub(crate) generation: u64,
    pub(crate) process: Running,
    step: Step,
    #[serde(with = "ago")]
    since: Instant,
    /// Kept until the signal: what arrives in the backlog before it is still served.
    held: Vec<Held>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Linger(#[serde(with = "from_now")] Instant),
    Drain(#[serde(with = "from_now")] Instant),
    Killed,
}

impl Draining {
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
        let mut own = self.held.iter().filter(|held| matches!(held.listen, Listen::Unix(_)));
        own.any(|held| events::is_ready(&held.socket, PollFlags::IN))
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
