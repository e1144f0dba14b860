//! Keeping services up: reaping, starting again what crashed, ending what was replaced.

use std::time::Instant;

use cart_core::run;
use rustix::process::{WaitOptions, WaitStatus};

use crate::draining::Draining;
use crate::operation::leftovers;
use crate::supervised::Service;
use crate::supervisor::Supervisor;

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
            let proving = self.operation.as_ref().is_some_and(|o| o.proves(&service.name));
            noted.extend(service.look_after_logs(&self.log.errors, proving));
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
        if !noted.is_empty() {
            noted.iter().for_each(|line| self.log.line(line));
            self.note();
        }
    }

    /// What the end of process `pid` means depends on whose it was.
    fn ended(&mut self, pid: u32, how: &str) {
        if self.candidate_ended(pid, how) {
            return;
        }
        let mut noted = Vec::new();
        for service in &mut self.services {
            service.writer_ended(pid, how, &mut noted);
            let gone = |draining: &mut Draining| draining.process.id.pid == pid;
            for draining in service.draining.extract_if(.., gone).collect::<Vec<_>>() {
                noted.push(format!("{}: pid {pid} ended with {how}", draining.spec.name));
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
            noted.push(format!("{}: pid {pid} crashed with {how} and {again}", service.name));
            // Workers whose master was killed are asked to end at once, although nobody accepts
            // until the next master is up: left alone for a while, they lost more (gunicorn's end by
            // themselves when they miss their master, and cut what they are at).
            let left = leftovers(&instance.spec, instance.generation, pid);
            service.draining.extend(left);
        }
        if !noted.is_empty() {
            noted.iter().for_each(|line| self.log.line(line));
            self.note();
        }
    }

    fn adopted_ends(&self) -> Vec<u32> {
        let adopted = self.services.iter().flat_map(Service::adopted);
        adopted.filter(|p| p.has_ended()).map(|p| p.pid).collect()
    }
}

fn status_text(status: WaitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    run::status_text(std::process::ExitStatus::from_raw(status.as_raw()))
}
