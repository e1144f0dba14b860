//! A new supervisor in the place of a former one: it takes over the processes that still run, by the
//! record of them.

use rustix::process::Signal;

use crate::protocol::record::{Record, Recorded, RecordedProcess, Role};
use crate::protocol::subcommands::{SUCCEED, SUCCEED_TO_END};
use crate::services::draining::{Draining, leftovers};
use crate::services::instance::Instance;
use crate::supervisor::state::Supervisor;

/// How a supervisor comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A hook starts it, and says what is to run.
    Hook,
    /// It succeeds a killed one: what ran is to run.
    Succession,
    /// It succeeds one that was killed while it ended everything.
    End,
}

impl Beginning {
    /// By the word with which it is started.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            SUCCEED => Self::Succession,
            SUCCEED_TO_END => Self::End,
            _ => Self::Hook,
        }
    }
}

impl Supervisor {
    /// Takes over what the record of a former supervisor names and still runs, and, in a succession,
    /// starts again what does not.
    pub(crate) fn take_over(&mut self, beginning: Beginning) {
        let record = Record::read(&self.run);
        self.generation = record.generation;
        self.readiness.end_nears = record.end_nears;
        for writer in &record.writers {
            // Their successors wait until they have written what they are at.
            writer.signal(Signal::TERM);
            writer.signal(Signal::CONT);
        }
        for recorded in record.processes {
            if recorded.process.is_alive() {
                self.adopt(recorded);
            } else {
                self.succeed_dead(recorded, beginning);
            }
        }
        if beginning == Beginning::Succession {
            record.starts.into_iter().for_each(|start| self.start_recorded(start));
        }
        self.note();
        match beginning {
            Beginning::Hook => {}
            Beginning::Succession => self.finished = self.services.is_empty(),
            Beginning::End => {
                self.log.line("the former supervisor was killed while it ended everything");
                self.end(Vec::new(), None, None);
            }
        }
    }

    /// What becomes of a process that has ended: what it left behind ends, and the service that it
    /// was is started again if nobody else says what is to run.
    fn succeed_dead(&mut self, recorded: RecordedProcess, beginning: Beginning) {
        let RecordedProcess { process, role, of } = recorded;
        let left = leftovers(&of.spec, of.generation, process.pid);
        let starts = beginning == Beginning::Succession && role == Role::Serves;
        if !left.is_empty() || starts {
            self.service_of(&of.spec).draining.extend(left);
        }
        if starts {
            self.log.line(format_args!("{}: pid {} has ended, too", of.spec.name, process.pid));
            self.start_recorded(of);
        }
    }

    fn start_recorded(&mut self, start: Recorded) {
        let service = self.service_of(&start.spec);
        service.current = Some(Instance::to_start(start));
    }

    /// Takes over a process of a former supervisor: the newest generation of a service serves,
    /// older ones are on their way out.
    fn adopt(&mut self, recorded: RecordedProcess) {
        let RecordedProcess { process, role, of } = recorded;
        let (name, generation) = (of.spec.name.clone(), of.generation);
        self.log.line(format_args!(
            "{name}: pid {} of generation {generation} still runs and is taken over",
            process.pid
        ));
        let run = self.run.clone();
        let opened = self.service_of(&of.spec).open_logs(&of.spec, &run, Some(process));
        if let Err(failure) = opened {
            self.log.line(format_args!("{name}: its log is not written: {failure}"));
        }
        let service = self.service(&name);
        let found = Instance::adopted(of, Some(process));
        let older = match (role, &service.current) {
            (Role::Ends, _) => {
                found.unlink_generation();
                service.draining.extend(Draining::new(found, false));
                return;
            }
            (Role::Lingers, _) => Some(found),
            (Role::Serves, Some(current)) if current.generation > generation => Some(found),
            (Role::Serves, _) => service.current.replace(found),
        };
        service.draining.extend(older.and_then(|instance| Draining::new(instance, true)));
    }
}
