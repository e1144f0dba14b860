//! One service as the supervisor keeps it: the generation that serves, older ones, and its logs.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use cart_core::process::ProcessId;
use rustix::event::PollFlags;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::logs::collector::Collector;
use crate::logs::own::OwnLogs;
use crate::logs::tail::Mark;
use crate::protocol::messages::Failure;
use crate::protocol::service::{Listen, Logging, ServiceSpec};
use crate::services::draining::Draining;
use crate::services::instance::{Instance, Output, Running};
use crate::services::memory::MemoryWatch;
use crate::succession::Succession;

/// How soon a start is tried again while what a crash left behind still holds the port.
const PORT_PAUSE: Duration = Duration::from_millis(20);
/// How long a process must have lived before it is sent a signal that would end it if it did not
/// handle it.
const KNOWS_SIGNALS: Duration = Duration::from_secs(2);

/// One service: the generation that serves, and older ones that finish their work.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) current: Option<Instance>,
    pub(crate) draining: Vec<Draining>,
    /// What writes its output, if somebody does. One that comes to its end is nothing to go on with.
    #[serde(skip_serializing_if = "is_closing")]
    pub(crate) collector: Option<Collector>,
    /// Logs that it writes itself.
    #[serde(skip)]
    pub(crate) own_logs: Option<OwnLogs>,
    #[serde(skip)]
    pub(crate) memory: MemoryWatch,
    /// Whether it is a [background service](ServiceSpec::background).
    #[serde(default)]
    pub(crate) is_background: bool,
}

fn is_closing(collector: &Option<Collector>) -> bool {
    collector.as_ref().is_some_and(Collector::is_closed)
}

impl Service {
    /// Goes on in another program than the one that handed it over.
    pub(crate) fn go_on(&mut self) {
        // So that the next writer is of this program, too.
        self.collector.iter_mut().for_each(|collector| collector.writer.renew());
        if let Some(spec) = self.current.as_ref().map(|current| current.spec.clone()) {
            self.log_as(&spec);
        }
    }

    /// When this service needs something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let restart = self.current.as_ref().and_then(|c| c.start_at);
        let queues = self.current.as_ref().and_then(|c| c.queues_due);
        let answer = self.current.as_ref().and_then(Instance::asked_again_at);
        let restart = restart.filter(|_| !self.waits_for_an_end());
        let draining = self.draining.iter().filter_map(Draining::due).min();
        let writer = self.collector.as_ref().and_then(Collector::deadline);
        let own_logs = self.own_logs.as_ref().and_then(OwnLogs::deadline);
        let memory = self.current.as_ref().and_then(|current| self.memory.look_at(current));
        [restart, queues, answer, draining, writer, own_logs, memory].into_iter().flatten().min()
    }

    /// What to wait for: the answer of one that was started again.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.current.as_ref().and_then(Instance::interest)
    }

    /// Whether visitors are served; `None` where there are to be none.
    pub(crate) fn serves(&self) -> Option<bool> {
        let current = self.for_visitors()?;
        Some(current.process.is_some() && !current.has_to_answer())
    }

    /// Whether visitors were served and are not any more, nor will they be.
    pub(crate) fn gave_up(&self) -> bool {
        self.for_visitors().is_some_and(|it| it.process.is_none() && it.start_at.is_none())
    }

    /// What serves visitors, if any are to come.
    fn for_visitors(&self) -> Option<&Instance> {
        self.current.as_ref().filter(|it| !self.is_background && !it.spec.is_aside)
    }

    /// Processes that are not our children.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = ProcessId> {
        self.running().filter(|p| !p.ours).map(|p| p.id)
    }

    pub(crate) fn restart_if_due(&mut self, now: Instant, run: &Utf8Path, noted: &mut Vec<String>) {
        if is_closing(&self.collector) {
            self.close_logs();
        }
        let due = self.current.as_ref().filter(|c| c.start_at.is_some_and(|at| at <= now));
        let due = due.filter(|_| !self.waits_for_an_end());
        let Some((spec, crashes)) = due.map(|instance| (instance.spec.clone(), instance.crashes))
        else {
            return;
        };
        let output = self.output(&spec, run);
        let Some(instance) = &mut self.current else {
            return;
        };
        match output.and_then(|output| start_again(instance, output)) {
            Ok(()) if crashes == 0 => {
                let pid = instance.process.map_or(0, |process| process.id.pid);
                let Instance { generation, spec, .. } = instance;
                noted.push(format!(
                    "{}: generation {generation} ({}) runs as pid {pid}",
                    self.name, spec.label
                ));
            }
            Ok(()) => noted.push(format!("{}: started again", self.name)),
            // Its own former workers, which were told to end.
            Err(Failure::AddressTaken { .. }) if !self.draining.is_empty() => {
                instance.start_at = Some(now + PORT_PAUSE);
            }
            Err(failure) => {
                let failure = failure.to_string();
                let again = if instance.crashed(&failure) { "tried again" } else { "given up" };
                noted.push(format!("{}: could not be started, {again}: {failure}", self.name));
            }
        }
    }

    /// Whether nothing may be started yet: of a background service something still runs, or the log
    /// is being closed.
    fn waits_for_an_end(&self) -> bool {
        self.is_background && (is_closing(&self.collector) || !self.draining.is_empty())
    }

    /// Has what serves end, and nothing take its place.
    pub(crate) fn retire(&mut self) {
        self.draining.extend(self.current.take().and_then(|c| Draining::new(c, false)));
    }

    /// Removes the well-known paths of a former generation on which the one that serves does not listen.
    pub(crate) fn remove_sockets_of(&self, former: &ServiceSpec) {
        let current = self.current.as_ref().map_or(&[][..], |current| &current.spec.listen);
        let left = former.listen.iter().filter(|listen| !current.contains(listen));
        left.for_each(Listen::remove);
    }

    /// Whether it is a background service that nobody wants any more, and all of it has ended.
    /// Closes what is left of its log.
    pub(crate) fn is_gone(&mut self) -> bool {
        let is_left = self.current.is_some() || !self.draining.is_empty();
        self.is_background && !is_left && self.close_logs()
    }

    /// What a process of this service prints to. Makes the pipe and the rest if need be.
    pub(crate) fn output(&mut self, spec: &ServiceSpec, run: &Utf8Path) -> Result<Output, Failure> {
        self.open_logs(spec, run, None)?;
        let failed = |e: FileError| Failure::NotStarted { message: e.to_string() };
        let (file, pending) = match (&spec.logging, &self.collector) {
            (Logging::Collected { .. }, Some(collector)) => {
                let file = collector.output();
                let file = file.map_err(|e| failed(FileError::new("open", collector.path(), e)))?;
                // What somebody else's writer adds or drops is not known: rather a line too many.
                (file, if collector.is_our_own() { collector.pending() } else { 0 })
            }
            _ => (files::open_log(&spec.log).map_err(failed)?, 0),
        };
        Ok(Output { file, mark: Mark::end_of(&spec.log, pending) })
    }

    /// Makes what `spec` needs to be logged as it says. `printing` is a process that is taken over.
    pub(crate) fn open_logs(
        &mut self,
        spec: &ServiceSpec,
        run: &Utf8Path,
        printing: Option<ProcessId>,
    ) -> Result<(), Failure> {
        if let (Logging::Collected { writer }, None) = (&spec.logging, &self.collector) {
            let collector = Collector::open(run, &spec.name, writer.clone(), printing)
                .map_err(|e| Failure::NotStarted { message: e.to_string() })?;
            self.collector = Some(collector);
        }
        self.change_logs(spec);
        Ok(())
    }

    /// Logs what runs as `spec` says, as far as that can be changed while it runs.
    pub(crate) fn log_as(&mut self, spec: &ServiceSpec) {
        self.change_logs(spec);
        if let Some(current) = &mut self.current
            && std::mem::discriminant(&current.spec.logging)
                == std::mem::discriminant(&spec.logging)
        {
            current.spec.logging = spec.logging.clone();
            current.spec.log = spec.log.clone();
        }
    }

    fn change_logs(&mut self, spec: &ServiceSpec) {
        match (&spec.logging, &mut self.collector) {
            (Logging::Collected { writer }, Some(collector)) => collector.write_with(writer),
            (Logging::Own { files, limits }, _) if !files.is_empty() => {
                self.own_logs = Some(OwnLogs::new(files.clone(), *limits));
            }
            _ => {}
        }
    }

    /// Whether something that was printed is on its way to the log.
    pub(crate) fn has_unwritten_output(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.pending() > 0)
    }

    /// Whether what was printed is in the log as soon as none of it is on its way there.
    pub(crate) fn tells_what_is_written(&self) -> bool {
        self.collector.as_ref().is_none_or(Collector::is_our_own)
    }

    /// Takes note of the end of a process that may have been the writer of the log.
    pub(crate) fn writer_ended(&mut self, pid: u32, how: &str, noted: &mut Vec<String>) {
        if let Some(collector) = &mut self.collector
            && collector.ended(pid)
            && !collector.is_closed()
        {
            noted.push(format!("{}: the writer of its log ended with {how}", self.name));
        }
    }

    /// Starts the writer of the log, moves on logs that are full; answers what is to be said.
    /// `proving`: whether a generation is proving itself.
    pub(crate) fn look_after_logs(
        &mut self,
        succession: &Succession,
        errors: &File,
        proving: bool,
    ) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(collector) = &mut self.collector {
            let report = collector.look_after(succession, errors);
            said.extend(report.map(|report| format!("{}: {report}", self.name)));
        }
        let running: Vec<Running> = self.running().collect();
        if let Some(own_logs) = &mut self.own_logs {
            // One that was started just now may not know yet what the signal means.
            let ready = !proving && running.iter().all(|p| p.since.elapsed() >= KNOWS_SIGNALS);
            let (moved, trouble) = own_logs.look(ready);
            if moved {
                running.iter().for_each(|process| process.id.signal(Signal::USR1));
            }
            said.extend(trouble.into_iter().map(|trouble| format!("{}: {trouble}", self.name)));
        }
        said
    }

    /// Lets what writes the log come to its end when nothing runs any more; answers whether it
    /// has.
    pub(crate) fn close_logs(&mut self) -> bool {
        self.own_logs = None;
        if self.collector.as_mut().is_none_or(Collector::close) {
            self.collector = None;
        }
        self.collector.is_none()
    }

    /// How many generations that were replaced, or failed, are still there. What a crash left of
    /// the one that serves is none.
    pub(crate) fn old_generations(&self) -> usize {
        let serving = self.current.as_ref().map(|current| current.generation);
        let mut old: Vec<u64> = self.draining.iter().map(|d| d.generation).collect();
        old.sort_unstable();
        old.dedup();
        old.retain(|generation| Some(*generation) != serving);
        old.len()
    }

    fn running(&self) -> impl Iterator<Item = Running> {
        let current = self.current.iter().filter_map(|c| c.process);
        current.chain(self.draining.iter().map(|d| d.process))
    }
}

/// An adopted service has no socket of ours: it gets new ones with its first start by us.
fn start_again(instance: &mut Instance, output: Output) -> Result<(), Failure> {
    if instance.held.len() < instance.spec.listen.len() {
        let mut opened = Instance::open(instance.spec.clone(), instance.generation, None)?;
        opened.publish()?;
        instance.held = std::mem::take(&mut opened.held);
    }
    instance.start(output)?;
    instance.needs_no_mark();
    Ok(())
}
