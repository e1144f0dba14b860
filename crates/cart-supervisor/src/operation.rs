//! The one change under way: a new generation that proves itself, or services being stopped.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use cart_core::process;
use rustix::event::PollFlags;

use crate::connection::Connection;
use crate::instance::{Draining, Instance};
use crate::probe::{Probing, Verdict};
use crate::protocol::{Change, Failure, Response};
use crate::record::Record;
use crate::service::{Listen, Probe, ServiceSpec};
use crate::supervisor::Supervisor;

/// A change that takes time, and who waits for it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// A new generation proves itself.
    Prove(Box<Proof>),
    /// Services are stopped one after the other.
    Stop(Stopping),
}

/// A new generation on trial.
#[derive(Debug)]
pub(crate) struct Proof {
    candidate: Instance,
    probing: Probing,
    deadline: Instant,
    /// On a port that its predecessor serves, too, an answer proves little: then it must also have
    /// stayed alive until this moment.
    settled_at: Option<Instant>,
    asked_by: Connection,
}

/// Services on their way out.
#[derive(Debug)]
pub(crate) struct Stopping {
    left: VecDeque<String>,
    then_end: bool,
    /// When what is left is killed, however long it may still drain.
    kill_at: Option<Instant>,
    asked_by: Option<Connection>,
}

/// How long a service must stay alive that shares a port with its predecessor.
const SETTLING: Duration = Duration::from_secs(1);

impl Operation {
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            // Answered already: nothing more will come.
            Self::Prove(proof) if proof.settled_at.is_some() => None,
            Self::Prove(proof) => Some(proof.probing.interest()),
            Self::Stop(_) => None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Prove(proof) => Some(proof.settled_at.unwrap_or(proof.deadline)),
            Self::Stop(stopping) => stopping.kill_at,
        }
    }
}

impl Supervisor {
    /// Begins to make `spec` run.
    pub(crate) fn ensure(&mut self, spec: ServiceSpec, renew: bool, asked_by: Connection) {
        let current = self.service(&spec.name).current.as_ref();
        let current = current.filter(|c| c.process.is_some());
        let as_wanted = current.is_some_and(|c| c.spec == spec && c.is_reachable());
        // Taken over from a former supervisor, it holds its port alone, and nobody else can have
        // it: whatever is wanted, it is left alone.
        let port_is_its_own = current.is_some_and(|c| c.held.is_empty())
            && spec.listen.iter().any(|l| matches!(l, Listen::Tcp(_)));
        if port_is_its_own || (as_wanted && !renew) {
            asked_by.answer(&Response::Ensured(Change::Unchanged));
            return;
        }
        self.generation += 1;
        match self.launch(spec) {
            Ok((candidate, probing)) => {
                let limit = Duration::from_secs(candidate.spec.start_limit);
                let deadline = Instant::now() + limit;
                let settled_at = None;
                let proof = Proof { candidate, probing, deadline, settled_at, asked_by };
                self.operation = Some(Operation::Prove(Box::new(proof)));
                self.note();
            }
            Err(failure) => {
                self.log.line(format_args!("generation {} failed: {failure}", self.generation));
                asked_by.answer(&Response::Failed(failure));
            }
        }
    }

    /// Begins to stop `services`.
    pub(crate) fn stop(&mut self, services: Vec<String>, asked_by: Connection) {
        let left = services.into();
        let asked_by = Some(asked_by);
        let stopping = Stopping { left, then_end: false, kill_at: None, asked_by };
        self.operation = Some(Operation::Stop(stopping));
    }

    /// Begins to stop everything, `first` first; a generation that was proving itself goes, too.
    /// What is left after `within` is killed.
    pub(crate) fn end(
        &mut self,
        first: Vec<String>,
        within: Option<Duration>,
        asked_by: Option<Connection>,
    ) {
        let mut asked_by = asked_by;
        match self.operation.take() {
            Some(Operation::Prove(proof)) => {
                let message = "the supervisor was asked to end".to_owned();
                self.reject(proof.candidate, Failure::NotStarted { message }, proof.asked_by);
            }
            // Whoever waits for a stop gets the answer of this larger one.
            Some(Operation::Stop(stopping)) => asked_by = asked_by.or(stopping.asked_by),
            None => {}
        }
        let mut left: VecDeque<String> = first.into();
        // What was started last depends on what was started first.
        let others: Vec<String> = self.services.iter().rev().map(|s| s.name.clone()).collect();
        left.extend(others);
        let kill_at = within.map(|within| Instant::now() + within);
        self.operation =
            Some(Operation::Stop(Stopping { left, then_end: true, kill_at, asked_by }));
    }

    /// Goes on with the change under way as far as that is possible now.
    pub(crate) fn advance_operation(&mut self) {
        match self.operation.take() {
            None => {}
            Some(Operation::Prove(proof)) => self.advance_proof(proof),
            Some(Operation::Stop(stopping)) => self.advance_stop(stopping),
        }
    }

    fn advance_proof(&mut self, mut proof: Box<Proof>) {
        let now = Instant::now();
        let verdict = match proof.settled_at {
            Some(settled_at) if now >= settled_at => {
                return self.promote(proof.candidate, proof.asked_by);
            }
            Some(_) => None,
            None => proof.probing.advance(),
        };
        match verdict {
            Some(Verdict::Proved) if self.shares_a_port(&proof.candidate) => {
                proof.settled_at = Some(now + SETTLING);
            }
            Some(Verdict::Proved) => return self.promote(proof.candidate, proof.asked_by),
            Some(verdict) => {
                let failure = failure_of(&verdict, &proof.candidate);
                return self.reject(proof.candidate, failure, proof.asked_by);
            }
            None if proof.settled_at.is_none() && now >= proof.deadline => {
                let seconds = proof.candidate.spec.start_limit;
                let last_lines = proof.candidate.last_lines();
                let failure = Failure::NoAnswer { seconds, last_lines };
                return self.reject(proof.candidate, failure, proof.asked_by);
            }
            None => {}
        }
        self.operation = Some(Operation::Prove(proof));
    }

    /// The process that is proving itself, for the record.
    pub(crate) fn candidate(&self) -> Option<&Instance> {
        match &self.operation {
            Some(Operation::Prove(proof)) => Some(&proof.candidate),
            _ => None,
        }
    }

    fn shares_a_port(&self, candidate: &Instance) -> bool {
        let name = &candidate.spec.name;
        let current =
            self.services.iter().find(|s| s.name == *name).and_then(|s| s.current.as_ref());
        current.filter(|c| c.process.is_some()).is_some_and(|current| {
            let port = |listen: &&Listen| matches!(listen, Listen::Tcp(_));
            candidate.spec.listen.iter().filter(port).any(|l| current.spec.listen.contains(l))
        })
    }

    /// Whether the process that ended was the one proving itself.
    pub(crate) fn candidate_ended(&mut self, pid: u32, how: &str) -> bool {
        let process = self.candidate().and_then(|candidate| candidate.process);
        if process.is_none_or(|p| p.id.pid != pid) {
            return false;
        }
        if let Some(Operation::Prove(proof)) = self.operation.take() {
            let Proof { mut candidate, asked_by, .. } = *proof;
            candidate.process = None;
            let last_lines = candidate.last_lines();
            let failure = Failure::Ended { status: how.to_owned(), last_lines };
            let left = leftovers(&candidate.spec, candidate.generation, pid);
            self.service(&candidate.spec.name).draining.extend(left);
            self.reject(candidate, failure, asked_by);
        }
        true
    }

    fn launch(&mut self, spec: ServiceSpec) -> Result<(Instance, Probing), Failure> {
        let generation = self.generation;
        let predecessor = self.service(&spec.name).current.as_ref();
        let mut candidate = Instance::open(spec, generation, predecessor)?;
        let started = candidate.start().and_then(|()| candidate.probe());
        match started {
            Ok(probing) => Ok((candidate, probing)),
            Err(failure) => {
                candidate.unlink();
                let name = candidate.spec.name.clone();
                self.service(&name).draining.extend(Draining::new(candidate, false));
                Err(failure)
            }
        }
    }

    /// The candidate has proved itself: it takes the place of its predecessor, which drains.
    fn promote(&mut self, mut candidate: Instance, asked_by: Connection) {
        if let Err(failure) = candidate.publish() {
            return self.reject(candidate, failure, asked_by);
        }
        let name = candidate.spec.name.clone();
        self.log.line(format_args!(
            "{name}: generation {} ({}) serves as pid {}",
            candidate.generation,
            candidate.spec.label,
            candidate.process.map_or(0, |p| p.id.pid)
        ));
        let service = self.service(&name);
        let old = service.current.replace(candidate);
        let change = if old.is_some() { Change::Replaced } else { Change::Started };
        service.draining.extend(old.and_then(|instance| Draining::new(instance, true)));
        self.note();
        asked_by.answer(&Response::Ensured(change));
    }

    /// The candidate has not proved itself: it goes, and what served before goes on serving.
    fn reject(&mut self, candidate: Instance, failure: Failure, asked_by: Connection) {
        let name = candidate.spec.name.clone();
        self.log
            .line(format_args!("{name}: generation {} failed: {failure}", candidate.generation));
        candidate.unlink();
        self.service(&name).draining.extend(Draining::new(candidate, false));
        self.note();
        asked_by.answer(&Response::Failed(failure));
    }

    fn advance_stop(&mut self, mut stopping: Stopping) {
        if stopping.kill_at.is_some_and(|at| at <= Instant::now()) {
            stopping.kill_at = None;
            self.kill_everything();
        }
        while let Some(name) = stopping.left.front() {
            if !self.is_stopped(name) {
                self.operation = Some(Operation::Stop(stopping));
                return;
            }
            stopping.left.pop_front();
        }
        self.note();
        if stopping.then_end {
            self.log.line("everything is stopped; this supervisor ends");
            let _ = cart_core::files::remove_if_exists(&Record::path(&self.run));
            self.finished = true;
        }
        if let Some(connection) = stopping.asked_by {
            connection.answer(&Response::Stopped);
        }
    }

    fn kill_everything(&mut self) {
        self.log.line("the time to stop is over: what is left is killed");
        for service in &mut self.services {
            let current = service.current.take();
            service.draining.extend(current.and_then(|instance| Draining::new(instance, false)));
            service.draining.iter_mut().for_each(Draining::kill);
        }
    }

    /// Whether nothing is left of a service; takes the next step towards that if something is.
    fn is_stopped(&mut self, name: &str) -> bool {
        let service = self.service(name);
        if let Some(mut instance) = service.current.take() {
            instance.start_at = None;
            for listen in &instance.spec.listen {
                if let Listen::Unix(path) = listen {
                    let _ = cart_core::files::remove_if_exists(path);
                }
            }
            service.draining.extend(Draining::new(instance, false));
        }
        service.draining.iter_mut().for_each(Draining::hurry);
        if service.draining.is_empty() {
            return true;
        }
        self.look_after_services();
        false
    }
}

/// What the leader of a process group has left behind when it ended.
pub(crate) fn leftovers(spec: &ServiceSpec, generation: u64, pid: u32) -> Vec<Draining> {
    let left = process::group_without(pid).into_iter();
    left.map(|id| Draining::leftover(spec, generation, id)).collect()
}

fn failure_of(verdict: &Verdict, candidate: &Instance) -> Failure {
    let last_lines = candidate.last_lines();
    match (verdict, &candidate.spec.probe) {
        (Verdict::WrongStatus(status), Probe::Http { path, .. }) => {
            Failure::WrongStatus { path: path.clone(), status: *status, last_lines }
        }
        _ => Failure::NoHttp { last_lines },
    }
}
