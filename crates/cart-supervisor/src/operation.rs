//! The one change under way: a new generation that proves itself, or services being stopped.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::connection::{Connection, answer};
use crate::draining::Draining;
use crate::proof::Proof;
use crate::protocol::{Change, Failure, Response, TURN_LIMIT};
use crate::record::Record;
use crate::service::{Listen, ServiceSpec};
use crate::supervised::Service;
use crate::supervisor::Supervisor;

/// A change that takes time, and who waits for it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// New generations prove themselves.
    Prove(Box<Proof>),
    /// Services are stopped one after the other.
    Stop(Stopping),
    /// New generations wait until fewer old ones are left.
    Wait(Box<Turn>),
}

/// New generations that are not begun yet.
#[derive(Debug)]
pub(crate) struct Turn {
    specs: VecDeque<ServiceSpec>,
    /// Nobody, where the supervisor found it necessary by itself.
    asked_by: Option<Connection>,
    until: Instant,
}

/// Services on their way out.
#[derive(Debug)]
pub(crate) struct Stopping {
    left: VecDeque<String>,
    /// When what is left is killed, however long it may still drain.
    kill_at: Option<Instant>,
    asked_by: Option<Connection>,
}

/// How many replaced generations of a service may still be there when the next one is begun: restarts in
/// a row must not pile up servers.
const MOST_OLD: usize = 3;

impl Operation {
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Prove(proof) => proof.interest(),
            Self::Stop(_) | Self::Wait(_) => None,
        }
    }

    /// Whether a generation of the service called `name` is proving itself.
    pub(crate) fn proves(&self, name: &str) -> bool {
        matches!(self, Self::Prove(proof) if proof.is_of(name))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Prove(proof) => Some(proof.due()),
            Self::Stop(stopping) => stopping.kill_at,
            Self::Wait(turn) => Some(turn.until),
        }
    }
}

impl Supervisor {
    /// Begins to make `specs` run, which are of one release. If one of them does not run so already, or
    /// with `renew`, all are started anew, and take their places together, when each has proved itself.
    pub(crate) fn ensure(&mut self, specs: Vec<ServiceSpec>, renew: bool, asked_by: Connection) {
        if specs.iter().all(|spec| self.is_left_alone(spec, renew)) {
            specs.iter().for_each(|spec| self.service(&spec.name).log_as(spec));
            self.note();
            asked_by.answer(&Response::Ensured(Change::Unchanged));
            return;
        }
        self.renew(specs.into(), Some(asked_by));
    }

    fn is_left_alone(&mut self, spec: &ServiceSpec, renew: bool) -> bool {
        let current = self.service(&spec.name).current.as_ref();
        let current = current.filter(|c| c.process.is_some());
        let as_wanted = current.is_some_and(|c| c.spec.serves_as(spec) && c.is_reachable());
        // Taken over from a former supervisor, it holds its port alone, and nobody else can have
        // it: whatever is wanted, it is left alone.
        let port_is_its_own = current.is_some_and(|c| c.held.is_empty())
            && spec.listen.iter().any(|l| matches!(l, Listen::Tcp(_)));
        port_is_its_own || (as_wanted && !renew)
    }

    /// Begins new generations, whatever runs now.
    pub(crate) fn renew(&mut self, specs: VecDeque<ServiceSpec>, asked_by: Option<Connection>) {
        let until = Instant::now() + TURN_LIMIT;
        self.advance_turn(Box::new(Turn { specs, asked_by, until }));
    }

    fn advance_turn(&mut self, turn: Box<Turn>) {
        let old = turn.specs.iter().map(|spec| self.service(&spec.name).old_generations()).max();
        if old > Some(MOST_OLD) && Instant::now() < turn.until {
            self.operation = Some(Operation::Wait(turn));
        } else {
            self.prove(turn.specs, turn.asked_by);
        }
    }

    /// Begins to stop everything, `first` first; a generation that was proving itself goes, too.
    /// What is left after `within` is killed. Changes that still wait for their turn are not made;
    /// those that are asked for from now on are made after the end.
    pub(crate) fn end(
        &mut self,
        first: Vec<String>,
        within: Option<Duration>,
        asked_by: Option<Connection>,
    ) {
        let mut asked_by = asked_by;
        let mut kill_at = within.map(|within| Instant::now() + within);
        let ended =
            || Failure::NotStarted { message: "the supervisor was asked to end".to_owned() };
        match self.operation.take() {
            Some(Operation::Prove(proof)) => self.give_up_proof(*proof, ended()),
            Some(Operation::Wait(turn)) => answer(turn.asked_by, &Response::Failed(ended())),
            // Whoever waits for a stop gets the answer of this larger one.
            Some(Operation::Stop(stopping)) => {
                asked_by = asked_by.or(stopping.asked_by);
                kill_at = [kill_at, stopping.kill_at].into_iter().flatten().min();
            }
            None => {}
        }
        for (_, connection) in self.waiting.drain(..) {
            connection.answer(&Response::Failed(ended()));
        }
        let mut left: VecDeque<String> = first.into();
        // What was started last depends on what was started first.
        let others: Vec<String> = self.services.iter().rev().map(|s| s.name.clone()).collect();
        left.extend(others);
        self.operation = Some(Operation::Stop(Stopping { left, kill_at, asked_by }));
        // Before anything is stopped: whoever succeeds us must not start it again.
        self.succession.lifeline.note_ending(true);
    }

    /// Goes on with the change under way as far as that is possible now.
    pub(crate) fn advance_operation(&mut self) {
        match self.operation.take() {
            None => {}
            Some(Operation::Prove(proof)) => self.advance_proof(proof),
            Some(Operation::Stop(stopping)) => self.advance_stop(stopping),
            Some(Operation::Wait(turn)) => self.advance_turn(turn),
        }
    }

    fn advance_stop(&mut self, mut stopping: Stopping) {
        if stopping.kill_at.is_some_and(|at| at <= Instant::now()) {
            stopping.kill_at = None;
            self.kill_everything();
        }
        while let Some(name) = stopping.left.front() {
            // None of them waits for another.
            if self.services.iter().any(|service| service.name == *name && service.is_background) {
                self.services.iter_mut().filter(|s| s.is_background).for_each(Service::retire);
            }
            if !self.is_stopped(name) {
                self.operation = Some(Operation::Stop(stopping));
                return;
            }
            stopping.left.pop_front();
        }
        // Told to end by `look_after_guard`.
        if self.guard.process().is_some() {
            self.operation = Some(Operation::Stop(stopping));
            return;
        }
        let _ = cart_core::files::remove_if_exists(&Record::path(&self.run));
        // Whoever waits came after a hook that asked for the end and was killed, or after a signal.
        self.finished = !self.waiting.iter().any(|(request, _)| request.leads_to_a_start());
        let next = if self.finished { "this supervisor ends" } else { "a hook waits for a start" };
        self.log.line(format_args!("everything is stopped; {next}"));
        answer(stopping.asked_by, &Response::Stopped);
    }

    fn kill_everything(&mut self) {
        self.log.line("the time to stop is over: what is left is killed");
        for service in &mut self.services {
            service.retire();
            service.draining.iter_mut().for_each(Draining::kill);
        }
    }

    /// Whether nothing is left of a service; takes the next step towards that if something is.
    fn is_stopped(&mut self, name: &str) -> bool {
        self.retire(name, false);
        let service = self.service(name);
        service.draining.iter_mut().for_each(Draining::hurry);
        if service.draining.is_empty() {
            return service.close_logs();
        }
        self.look_after_services();
        false
    }

    /// Begins to end a service, which lingers first where somebody may still be on the way to it; answers
    /// whether one served, or was to be started again.
    pub(crate) fn retire(&mut self, name: &str, lingers: bool) -> bool {
        let Some(service) = self.services.iter_mut().find(|service| service.name == name) else {
            return false;
        };
        let Some(current) = &service.current else {
            return false;
        };
        if !lingers {
            current.spec.listen.iter().for_each(Listen::remove);
        }
        service.draining.extend(service.current.take().and_then(|c| Draining::new(c, lingers)));
        true
    }
}
