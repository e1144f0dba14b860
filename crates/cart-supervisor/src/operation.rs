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
use crate::service::{Probe, ServiceSpec};
use crate::supervisor::Supervisor;

/// A change that takes time, and who waits for it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// A new generation proves itself.
    Prove { candidate: Box<Instance>, probing: Probing, deadline: Instant, asked_by: Connection },
    /// Services are stopped one after the other.
    Stop { left: VecDeque<String>, then_end: bool, asked_by: Option<Connection> },
}

impl Operation {
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Prove { probing, .. } => Some(probing.interest()),
            Self::Stop { .. } => None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Prove { deadline, .. } => Some(*deadline),
            Self::Stop { .. } => None,
        }
    }
}

impl Supervisor {
    /// Begins to make `spec` run.
    pub(crate) fn ensure(&mut self, spec: ServiceSpec, renew: bool, asked_by: Connection) {
        let current = self.service(&spec.name).current.as_ref();
        let runs = current.is_some_and(|c| c.process.is_some() && c.spec == spec);
        // A service whose sockets only it holds cannot be renewed on a port: it is left alone.
        let port_is_its_own = current.is_some_and(|c| c.held.is_empty())
            && spec.listen.iter().any(|l| matches!(l, crate::Listen::Tcp(_)));
        if runs && (!renew || port_is_its_own) {
            asked_by.answer(&Response::Ensured(Change::Unchanged));
            return;
        }
        self.generation += 1;
        match self.launch(spec) {
            Ok((candidate, probing)) => {
                let limit = Duration::from_secs(candidate.spec.start_limit);
                let deadline = Instant::now() + limit;
                let candidate = Box::new(candidate);
                self.operation = Some(Operation::Prove { candidate, probing, deadline, asked_by });
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
        self.operation = Some(Operation::Stop { left, then_end: false, asked_by: Some(asked_by) });
    }

    /// Begins to stop everything, `first` first; a generation that was proving itself goes, too.
    pub(crate) fn end(&mut self, first: Vec<String>, asked_by: Option<Connection>) {
        let mut asked_by = asked_by;
        match self.operation.take() {
            Some(Operation::Prove { candidate, asked_by, .. }) => {
                let message = "the supervisor was asked to end".to_owned();
                self.reject(*candidate, Failure::NotStarted { message }, asked_by);
            }
            // Whoever waits for a stop gets the answer of this larger one.
            Some(Operation::Stop { asked_by: waiting, .. }) => asked_by = asked_by.or(waiting),
            None => {}
        }
        let mut left: VecDeque<String> = first.into();
        // What was started last depends on what was started first.
        let others: Vec<String> = self.services.iter().rev().map(|s| s.name.clone()).collect();
        left.extend(others);
        self.operation = Some(Operation::Stop { left, then_end: true, asked_by });
    }

    /// Goes on with the change under way as far as that is possible now.
    pub(crate) fn advance_operation(&mut self) {
        match self.operation.take() {
            None => {}
            Some(Operation::Prove { candidate, mut probing, deadline, asked_by }) => {
                let failure = match probing.advance() {
                    Some(Verdict::Proved) => return self.promote(*candidate, asked_by),
                    Some(verdict) => failure_of(&verdict, &candidate),
                    None if Instant::now() >= deadline => Failure::NoAnswer {
                        seconds: candidate.spec.start_limit,
                        last_lines: candidate.last_lines(),
                    },
                    None => {
                        self.operation =
                            Some(Operation::Prove { candidate, probing, deadline, asked_by });
                        return;
                    }
                };
                self.reject(*candidate, failure, asked_by);
            }
            Some(Operation::Stop { left, then_end, asked_by }) => {
                self.advance_stop(left, then_end, asked_by);
            }
        }
    }

    /// Whether the process that ended was the one proving itself.
    pub(crate) fn candidate_ended(&mut self, pid: u32, how: &str) -> bool {
        let Some(Operation::Prove { candidate, .. }) = &self.operation else {
            return false;
        };
        if candidate.process.is_none_or(|p| p.id.pid != pid) {
            return false;
        }
        if let Some(Operation::Prove { mut candidate, asked_by, .. }) = self.operation.take() {
            candidate.process = None;
            let last_lines = candidate.last_lines();
            let failure = Failure::Ended { status: how.to_owned(), last_lines };
            let left = leftovers(&candidate, pid);
            self.service(&candidate.spec.name).draining.extend(left);
            self.reject(*candidate, failure, asked_by);
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

    fn advance_stop(
        &mut self,
        mut left: VecDeque<String>,
        then_end: bool,
        asked_by: Option<Connection>,
    ) {
        while let Some(name) = left.front() {
            if !self.is_stopped(name) {
                self.operation = Some(Operation::Stop { left, then_end, asked_by });
                return;
            }
            left.pop_front();
        }
        self.note();
        if then_end {
            self.log.line("everything is stopped; this supervisor ends");
            let _ = cart_core::files::remove_if_exists(&Record::path(&self.run));
            self.finished = true;
        }
        if let Some(connection) = asked_by {
            connection.answer(&Response::Stopped);
        }
    }

    /// Whether nothing is left of a service; takes the next step towards that if something is.
    fn is_stopped(&mut self, name: &str) -> bool {
        let service = self.service(name);
        if let Some(mut instance) = service.current.take() {
            instance.start_at = None;
            for listen in &instance.spec.listen {
                if let crate::Listen::Unix(path) = listen {
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
pub(crate) fn leftovers(instance: &Instance, pid: u32) -> Vec<Draining> {
    let members = process::group_members(pid).into_iter();
    members.map(|id| Draining::leftover(&instance.spec, instance.generation, id)).collect()
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
