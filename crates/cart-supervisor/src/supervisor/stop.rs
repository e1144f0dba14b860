//! Stopping: everything, in an order, within a time; or one service that is not wanted any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::messages::{Failure, Response};
use crate::protocol::record::Record;
use crate::protocol::service::Listen;
use crate::services::draining::Draining;
use crate::services::instance::Instance;
use crate::services::supervised::Service;
use crate::sockets::connection::{Connection, answer};
use crate::supervisor::operation::{Operation, Stopping};
use crate::supervisor::state::Supervisor;

/// How long the others wait for the one that is stopped first. What takes it longer is a visitor who stays. To one
/// who is connected to those behind it, by a WebSocket say, only they can tell that he should come again; one who is
/// not may be on the way to them, with a long upload, and they wait for him.
const FIRST_LIMIT: Duration = Duration::from_secs(10);
/// How soon it is looked again whether somebody is connected to them.
const LOOK: Duration = Duration::from_millis(500);

impl Supervisor {
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
        let mut waited = first.first().map(|name| (name.clone(), Instant::now() + FIRST_LIMIT));
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
                waited = stopping.first;
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
        let stopping = Stopping { left, first: waited, kill_at, asked_by };
        self.operation = Some(Operation::Stop(stopping));
        // Before anything is stopped: whoever succeeds us must not start it again, and nobody is to come.
        self.succession.lifeline.note_ending(true);
        self.readiness.ends = true;
        self.tell_readiness();
    }

    /// Goes on as far as what has ended allows.
    pub(crate) fn advance_stop(&mut self, mut stopping: Stopping) {
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
                self.go_on_without_first(&mut stopping);
                self.operation = Some(Operation::Stop(stopping));
                return;
            }
            stopping.left.pop_front();
        }
        // Told to end by `look_after_guard`.
        if self.guard.id().is_some() {
            self.operation = Some(Operation::Stop(stopping));
            return;
        }
        let _ = cart_core::files::remove_if_exists(&Record::path(&self.run));
        // Whoever waits came after a hook that asked for the end and was killed, or after a signal.
        self.finished = !self.waiting.iter().any(|(request, _)| request.leads_to_a_start());
        self.readiness.ends = false;
        let next = if self.finished { "this supervisor ends" } else { "a hook waits for a start" };
        self.log.line(format_args!("everything is stopped; {next}"));
        answer(stopping.asked_by, &Response::Stopped);
    }

    /// Begins with those behind the first, too, when that takes its time: they serve who is still on the way to
    /// them, and are told to end then.
    fn go_on_without_first(&mut self, stopping: &mut Stopping) {
        let now = Instant::now();
        let Some((first, _)) = stopping.first.take_if(|(_, until)| *until <= now) else { return };
        if stopping.left.front() != Some(&first) {
            return;
        }
        let behind = self.services.iter().filter(|it| it.name != first && !it.is_background);
        if !behind.clone().filter_map(|it| it.current.as_ref()).any(Instance::may_be_in_use) {
            stopping.first = Some((first, now + LOOK));
            return;
        }
        let behind: Vec<String> = behind.map(|service| service.name.clone()).collect();
        for name in behind {
            self.retire(&name, true);
        }
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
        // One that was let linger has its sockets still, by which nobody is to find it any more.
        let listened = service.draining.iter().flat_map(|draining| &draining.spec.listen);
        listened.for_each(Listen::remove);
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
