//! One generation of a service: its sockets and its process.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::unix_sockets::connections;
use cart_core::{CommandSpec, fault, files, run, tree};
use rustix::event::PollFlags;
use serde::{Deserialize, Serialize};

use crate::backoff::BackOff;
use crate::logs::tail::Mark;
use crate::protocol::handed_over::{Descriptor, ago, from_now_if_any};
use crate::protocol::messages::Failure;
use crate::protocol::record::Recorded;
use crate::protocol::service::{Listen, ServiceSpec, generation_path};
use crate::services::returning::Returning;
use crate::sockets::listener;
use crate::sockets::probe::Probing;

/// How many of a log's last lines a failure carries.
const LAST_LINES: usize = 20;
/// How soon after a start to see to the queues of its sockets.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// A socket of one generation. A port is shared with the generations before and after.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) listen: Listen,
    /// Where a Unix socket is bound until it is renamed over the well-known path.
    pub(crate) bound_at: Option<Utf8PathBuf>,
    /// What its path was when it was renamed.
    pub(crate) published: Option<u64>,
    #[serde(rename = "number")]
    pub(crate) socket: Descriptor,
}

fn at_once() -> Option<Instant> {
    Some(Instant::now())
}

fn inode(path: &Utf8Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

/// A process of ours, or one that a former supervisor started.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) id: ProcessId,
    #[serde(rename = "lived", with = "ago")]
    pub(crate) since: Instant,
    /// Whether it is our child, whose end the system reports to us.
    pub(crate) ours: bool,
}

/// One generation of a service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) spec: ServiceSpec,
    pub(crate) generation: u64,
    pub(crate) held: Vec<Held>,
    pub(crate) process: Option<Running>,
    /// When to start it again, after a crash; `None` with no process: given up.
    #[serde(rename = "start_in", with = "from_now_if_any")]
    pub(crate) start_at: Option<Instant>,
    pub(crate) crashes: u32,
    pub(crate) last_end: String,
    /// What it is started with again after a crash, if not with the command of its spec.
    pub(crate) again_with: Option<CommandSpec>,
    /// Since it crashed.
    #[serde(default)]
    returning: Returning,
    back_off: BackOff,
    /// What stood in the log when it was started, until it has proved itself.
    #[serde(skip)]
    mark: Mark,
    /// When to see to the queues of its sockets; another program does at once.
    #[serde(skip, default = "at_once")]
    pub(crate) queues_due: Option<Instant>,
}

impl Instance {
    /// Opens the sockets; ports that `predecessor` has are shared with it.
    pub(crate) fn open(
        spec: ServiceSpec,
        generation: u64,
        predecessor: Option<&Self>,
    ) -> Result<Self, Failure> {
        let shared = predecessor.map_or(&[][..], |p| &p.held);
        let mut instance = Self::adopted(Recorded::new(generation, spec), None);
        for listen in &instance.spec.listen {
            let (bound_at, socket) = match listen {
                Listen::Tcp(address) => match shared.iter().find(|h| h.listen == *listen) {
                    Some(held) => (None, held.socket.clone()),
                    None => (None, listener::tcp(*address)?.into()),
                },
                Listen::Unix(path) => {
                    let bound_at = generation_path(path, generation);
                    let socket = listener::unix(&bound_at)?.into();
                    (Some(bound_at), socket)
                }
            };
            let listen = listen.clone();
            instance.held.push(Held { listen, bound_at, published: None, socket });
        }
        Ok(instance)
    }

    /// A generation without sockets of ours: one that a former supervisor started.
    pub(crate) fn adopted(recorded: Recorded, process: Option<ProcessId>) -> Self {
        let Recorded { generation, spec, again_with, has_to_answer } = recorded;
        let returning = if has_to_answer { Returning::awaited() } else { Returning::default() };
        Self {
            spec,
            generation,
            held: Vec::new(),
            process: process.map(|id| Running { id, since: Instant::now(), ours: false }),
            start_at: None,
            crashes: 0,
            last_end: String::new(),
            again_with,
            returning,
            back_off: BackOff::default(),
            mark: Mark::default(),
            queues_due: None,
        }
    }

    /// A generation that is to be started as soon as it can be.
    pub(crate) fn to_start(recorded: Recorded) -> Self {
        let recorded = Recorded { has_to_answer: !recorded.spec.is_background(), ..recorded };
        Self { start_at: Some(Instant::now()), ..Self::adopted(recorded, None) }
    }

    /// Whether somebody may be connected to it. Of ports, and where the system cannot be asked, nobody knows.
    pub(crate) fn may_be_in_use(&self) -> bool {
        let name = |listen: &Listen| match listen {
            Listen::Unix(path) => Some(generation_path(path, self.generation)),
            Listen::Tcp(_) => None,
        };
        let names: Option<Vec<_>> = self.spec.listen.iter().map(name).collect();
        let found = names.and_then(|names| connections(&names).ok());
        found.is_none_or(|found| found.accepted + found.waiting > 0)
    }

    /// What the record has of it.
    pub(crate) fn recorded(&self) -> Recorded {
        Recorded {
            generation: self.generation,
            spec: self.spec.clone(),
            again_with: self.again_with.clone(),
            has_to_answer: self.has_to_answer(),
        }
    }

    /// Starts the process on the sockets; it prints to `output`.
    pub(crate) fn start(&mut self, output: Output) -> Result<(), Failure> {
        let failed = |message: String| Failure::NotStarted { message };
        let sockets: Result<Vec<OwnedFd>, _> =
            self.held.iter().map(|held| held.socket.as_fd().try_clone_to_owned()).collect();
        let sockets = sockets
            .map_err(|e| failed(format!("cannot copy a descriptor: {}", fault::words(&e))))?;
        let command = self.again_with.as_ref().unwrap_or(&self.spec.command);
        let child =
            run::service(command, sockets, &output.file).map_err(|e| failed(e.to_string()))?;
        let id = ProcessId::of_child(child.id())
            .ok_or_else(|| failed("/proc does not show the process just started".to_owned()))?;
        self.process = Some(Running { id, since: Instant::now(), ours: true });
        self.start_at = None;
        self.queues_due = Some(Instant::now() + FIRST_LOOK);
        self.mark = output.mark;
        Ok(())
    }

    /// Asks one of the sockets for proof.
    pub(crate) fn probe(&self, socket: usize) -> Result<Probing, Failure> {
        let failed = |message| Failure::NotStarted { message };
        let probing = match self.held.get(socket) {
            Some(Held { bound_at: Some(path), .. }) => Probing::unix(path, &self.spec.probe),
            // Of one that serves, be its sockets ours or a former supervisor's.
            _ => match self.spec.listen.get(socket) {
                Some(Listen::Unix(path)) => Probing::unix(path, &self.spec.probe),
                Some(Listen::Tcp(address)) => Probing::tcp(*address, &self.spec.probe),
                None => {
                    let name = &self.spec.name;
                    return Err(failed(format!("the service {name} has no socket to probe")));
                }
            },
        };
        probing.map_err(|e| failed(format!("cannot probe it: {}", fault::words(&e))))
    }

    /// Whether it has not answered since it crashed.
    pub(crate) fn has_to_answer(&self) -> bool {
        self.returning.has_to_answer
    }

    /// When to ask it again.
    pub(crate) fn asked_again_at(&self) -> Option<Instant> {
        self.returning.deadline()
    }

    /// What to wait for while it has to answer.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        // While none is there, nobody would hear what it says of a closed connection, again and again.
        self.process.as_ref().and_then(|_| self.returning.interest())
    }

    /// Asks one that was started again, as long as it has to answer; `true` when it has, just now.
    pub(crate) fn has_answered_again(&mut self, now: Instant) -> bool {
        if self.process.is_none() || !self.has_to_answer() {
            return false;
        }
        let mut returning = std::mem::take(&mut self.returning);
        returning.advance(now, self.spec.listen.len(), |socket| self.probe(socket));
        self.returning = returning;
        !self.has_to_answer()
    }

    /// Whether [`publish`](Self::publish) will find what it renames.
    pub(crate) fn can_be_published(&self) -> Result<(), Failure> {
        let gone = |from: &&Utf8PathBuf| inode(from).is_none();
        match self.held.iter().filter_map(|held| held.bound_at.as_ref()).find(gone) {
            Some(path) => Err(Failure::File {
                message: format!("somebody has removed {path}"),
                path: path.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Renames the Unix sockets over their well-known paths: from now on new connections come to
    /// this generation.
    pub(crate) fn publish(&mut self) -> Result<(), Failure> {
        for held in &mut self.held {
            if let (Some(from), Listen::Unix(to)) = (&held.bound_at, &held.listen) {
                if to.is_dir() {
                    // What stands there is nobody's who knows what this place is for.
                    let _ = tree::remove(to);
                }
                std::fs::rename(from, to).map_err(|e| Failure::File {
                    message: format!("cannot rename {from} to {to}: {}", fault::words(&e)),
                    path: to.clone(),
                })?;
                held.bound_at = None;
                held.published = inode(to);
            }
        }
        self.queues_due = Some(Instant::now());
        self.needs_no_mark();
        Ok(())
    }

    /// Makes the queues of its Unix sockets as long as they were, if that is due: each server has its
    /// own idea of how many may wait, and says it when it starts, or one of its workers does. After
    /// each look the next is as far away as the start; the last when all must have started.
    pub(crate) fn lengthen_queues(&mut self, now: Instant) {
        if self.queues_due.is_none_or(|due| due > now) {
            return;
        }
        let is_unix = |held: &&Held| matches!(held.listen, Listen::Unix(_));
        let queues = self.held.iter().filter(is_unix);
        let count = queues.map(|held| listener::lengthen_queue(&held.socket)).count();
        let lived = self.process.map(|process| now.saturating_duration_since(process.since));
        let limit = Duration::from_secs(self.spec.start_limit);
        let starting = lived.filter(|lived| *lived < limit && count > 0);
        self.queues_due = starting.map(|lived| now + lived.max(FIRST_LOOK));
    }

    /// Whether connections to the well-known paths still come to this generation: somebody may
    /// have removed a socket.
    pub(crate) fn is_reachable(&self) -> bool {
        self.spec.listen.iter().all(|listen| match listen {
            Listen::Unix(path) => match self.held.iter().find(|held| held.listen == *listen) {
                Some(held) => held.published.is_some() && inode(path) == held.published,
                // Taken over from a former supervisor: which socket it was is not known.
                None => inode(path).is_some(),
            },
            Listen::Tcp(_) => true,
        })
    }

    /// Removes what [`publish`](Self::publish) has not made public.
    pub(crate) fn unlink(&self) {
        for path in self.held.iter().filter_map(|held| held.bound_at.as_ref()) {
            let _ = files::remove_if_exists(path);
        }
    }

    /// Removes the sockets of a generation that a former supervisor was proving.
    pub(crate) fn unlink_generation(&self) {
        for listen in &self.spec.listen {
            if let Listen::Unix(path) = listen {
                let _ = files::remove_if_exists(&generation_path(path, self.generation));
            }
        }
    }

    /// Notes a crash and plans the next start; `false` when it gave up.
    pub(crate) fn crashed(&mut self, how: &str) -> bool {
        let lived = self.process.take().map_or(Duration::ZERO, |p| p.since.elapsed());
        self.crashes += 1;
        how.clone_into(&mut self.last_end);
        if !self.spec.is_background() {
            self.returning.crashed();
        }
        let wait = if self.spec.is_background() {
            Some(self.back_off.after_end(lived))
        } else {
            self.back_off.after_crash(lived)
        };
        self.start_at = wait.map(|wait| Instant::now() + wait);
        if self.start_at.is_none() {
            // A closed socket refuses connections at once; an open one that nobody serves would
            // let them hang.
            self.held.clear();
            self.returning = Returning::awaited();
        }
        self.start_at.is_some()
    }

    /// Nobody will ask for its last lines any more.
    pub(crate) fn needs_no_mark(&mut self) {
        self.mark = Mark::default();
    }

    /// What it printed last, since its start.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.mark.last_lines(&self.spec.log, LAST_LINES)
    }
}

/// What a process prints to, and what stood in the log before.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) file: File,
    pub(crate) mark: Mark,
}
