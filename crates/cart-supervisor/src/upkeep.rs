//! Keeping services up: reaping, starting again what crashed, ending what was replaced.

use std::time::{Duration, Instant};

use cart_core::{process, run};
use rustix::process::{WaitOptions, WaitStatus};

use crate::instance::{Draining, Instance};
use crate::operation::leftovers;
use crate::supervisor::{Service, Supervisor};

/// How often to look at processes whose end nobody reports to us, because a former supervisor
/// started them. Only while there are any.
const ADOPTED_INTERVAL: Duration = Duration::from_millis(500);

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
            service.restart_if_due(now, &mut noted);
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

impl Service {
    /// When this service needs something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let restart = self.current.as_ref().and_then(|c| c.start_at);
        let draining = self.draining.iter().filter_map(Draining::due).min();
        let look = self.adopted().next().map(|_| Instant::now() + ADOPTED_INTERVAL);
        [restart, draining, look].into_iter().flatten().min()
    }

    /// Processes that are not our children.
    fn adopted(&self) -> impl Iterator<Item = process::ProcessId> {
        let current = self.current.iter().filter_map(|c| c.process);
        let draining = self.draining.iter().map(|d| d.process);
        current.chain(draining).filter(|p| !p.ours).map(|p| p.id)
    }

    fn restart_if_due(&mut self, now: Instant, noted: &mut Vec<String>) {
        let Some(instance) = &mut self.current else {
            return;
        };
        if instance.start_at.is_none_or(|at| at > now) {
            return;
        }
        match start_again(instance) {
            Ok(()) => noted.push(format!("{}: started again", self.name)),
            Err(failure) => {
                let again = if instance.crashed(&failure) { "tried again" } else { "given up" };
                noted.push(format!("{}: could not be started, {again}: {failure}", self.name));
            }
        }
    }
}

/// An adopted service has no socket of ours: it gets new ones with its first start by us.
fn start_again(instance: &mut Instance) -> Result<(), String> {
    if instance.held.len() < instance.spec.listen.len() {
        let mut opened = Instance::open(instance.spec.clone(), instance.generation, None)
            .map_err(|e| e.to_string())?;
        opened.publish().map_err(|e| e.to_string())?;
        instance.held = std::mem::take(&mut opened.held);
    }
    instance.start().map_err(|e| e.to_string())
}

fn status_text(status: WaitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    run::status_text(std::process::ExitStatus::from_raw(status.as_raw()))
}
