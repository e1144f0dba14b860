//! Keeping services up: reaping, starting again what crashed, ending what was replaced, replacing what has
//! too much memory.

use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId};
use cart_core::run;
use rustix::event::PollFlags;
use rustix::process::{WaitOptions, WaitStatus};

use crate::logs::collector::Collector;
use crate::services::draining::{Draining, leftovers};
use crate::services::memory::Verdict;
use crate::services::supervised::Service;
use crate::sockets::events;
use crate::supervisor::operation::Operation;
use crate::supervisor::state::Supervisor;

/// How often to look at processes whose end nothing tells us: they are not our children, and the
/// system is older than Linux 5.3.
const ADOPTED_INTERVAL: Duration = Duration::from_millis(500);
/// How soon it is tried again to start a guard.
const GUARD_PAUSE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Takes note of every child that ended.
    pub(crate) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if let Ok(pid) = u32::try_from(pid.as_raw_nonzero().get()) {
                self.ended(pid, &status_text(status));
            }
        }
    }

    /// Does what is due: restarts, signals to what drains, looks at adopted processes.
    pub(crate) fn look_after_services(&mut self) {
        for pid in self.adopted_ends() {
            self.ended(pid, "an end that only its former supervisor could have seen");
        }
        let now = Instant::now();
        let mut noted = Vec::new();
        for service in &mut self.services {
            service.restart_if_due(now, &self.run, &mut noted);
            if let Some(current) = &mut service.current {
                current.lengthen_queues(now);
                if current.has_answered_again(now) {
                    noted.push(format!("{}: has answered again", service.name));
                }
            }
            let proving = self.operation.as_ref().is_some_and(|o| o.proves(&service.name));
            noted.extend(service.look_after_logs(&self.succession, &self.log.errors, proving));
            for draining in &mut service.draining {
                if draining.due().is_some_and(|due| due <= now)
                    && let Some(step) = draining.advance()
                {
                    noted.push(format!(
                        "{}: pid {} of generation {} {step}",
                        draining.spec.name, draining.process.id.pid, draining.generation
                    ));
                }
            }
        }
        self.services.retain_mut(|service| !service.is_gone());
        self.say_and_note(&noted);
    }

    /// Says what has changed, and notes it.
    fn say_and_note(&mut self, changed: &[String]) {
        if !changed.is_empty() {
            changed.iter().for_each(|line| self.log.line(line));
            self.note();
        }
    }

    /// What the end of process `pid` means depends on whose it was.
    fn ended(&mut self, pid: u32, how: &str) {
        if self.candidate_ended(pid, how) || self.guard.ended(pid).is_some() {
            return;
        }
        let mut noted = Vec::new();
        for service in &mut self.services {
            service.writer_ended(pid, how, &mut noted);
            let gone = |draining: &mut Draining| draining.process.id.pid == pid;
            for draining in service.draining.extract_if(.., gone).collect::<Vec<_>>() {
                noted.push(format!("{}: pid {pid} ended with {how}", draining.spec.name));
                service.remove_sockets_of(&draining.spec);
                // Children that the app started and forgot would hold its sockets for ever.
                service.draining.extend(leftovers(&draining.spec, draining.generation, pid));
            }
            let Some(instance) = &mut service.current else {
                continue;
            };
            if instance.process.is_none_or(|p| p.id.pid != pid) {
                continue;
            }
            let again = if instance.crashed(how) { "will be started again" } else { "is given up" };
            let ended = if service.is_background { "ended" } else { "crashed" };
            noted.push(format!("{}: pid {pid} {ended} with {how} and {again}", service.name));
            // Workers whose master was killed are asked to end at once, although nobody accepts
            // until the next master is up: left alone for a while, they lost more (gunicorn's end by
            // themselves when they miss their master, and cut what they are at).
            let left = leftovers(&instance.spec, instance.generation, pid);
            service.draining.extend(left);
        }
        self.say_and_note(&noted);
    }

    /// Sees to it that somebody would succeed this supervisor as long as there is something to look
    /// after; a writer of its own does.
    pub(crate) fn look_after_guard(&mut self) {
        let ending = matches!(self.operation, Some(Operation::Stop(_)));
        self.succession.lifeline.note_ending(ending);
        let has_heir = |s: &Service| s.collector.as_ref().is_some_and(Collector::has_heir);
        let wanted = self.services.iter().any(|s| s.current.is_some() || !s.draining.is_empty())
            && !self.services.iter().any(has_heir);
        let before = self.guard.id();
        if !wanted {
            self.guard.let_go();
        } else if self.guard.is_due() {
            match self.succession.start_guard(&self.log.errors) {
                Ok(id) => self.guard.started(id),
                Err(why) => {
                    self.guard.start_in(GUARD_PAUSE);
                    self.log.line(format_args!("nobody would succeed this supervisor: {why}"));
                }
            }
        }
        if self.guard.id() != before {
            self.note();
        }
    }

    /// Looks at services with a limit when it is time to. One at a time is replaced, and none while
    /// something else changes.
    pub(crate) fn look_at_memory(&mut self) {
        let now = Instant::now();
        let idle = self.operation.is_none() && !self.finished;
        let mut renewed = None;
        let mut said = Vec::new();
        for service in &mut self.services {
            let Some(current) = &service.current else { continue };
            let may_renew = idle && renewed.is_none();
            let Some((verdict, told)) = service.memory.look(current, now, may_renew) else {
                continue;
            };
            said.push(format!("{}: {told}", service.name));
            if verdict == Verdict::Replace {
                renewed = Some(current.spec.clone());
            }
        }
        said.iter().for_each(|line| self.log.line(line));
        if let Some(spec) = renewed {
            self.renew([spec].into(), None);
        }
    }

    fn adopted_ends(&mut self) -> Vec<u32> {
        let now: Vec<ProcessId> = self.services.iter().flat_map(Service::adopted).collect();
        self.adopted.retain(|process, _| now.contains(process));
        for process in &now {
            if !self.adopted.contains_key(process)
                && let Some(end) = process::end_of(*process)
            {
                self.adopted.insert(*process, end);
            }
        }
        let ended = |process: &ProcessId| match self.adopted.get(process) {
            Some(end) => events::is_ready(end, PollFlags::IN),
            None => process.has_ended(),
        };
        now.into_iter().filter(ended).map(|process| process.pid).collect()
    }

    /// When to look at processes of whose end nothing tells.
    pub(crate) fn look_at_adopted(&self) -> Option<Instant> {
        let mut adopted = self.services.iter().flat_map(Service::adopted);
        adopted.any(|p| !self.adopted.contains_key(&p)).then(|| Instant::now() + ADOPTED_INTERVAL)
    }
}

fn status_text(status: WaitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    run::status_text(std::process::ExitStatus::from_raw(status.as_raw()))
}
