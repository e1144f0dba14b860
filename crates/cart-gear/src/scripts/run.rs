//! Running a script as a node does: exactly the gear's environment, nothing on standard input,
//! umask 022, both streams read while it runs (node-contract.md, Running scripts).

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self};
use cart_core::process::{self, ProcessId};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, fault, programs};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;

use crate::layout::error::GearError;
use crate::layout::output::{HookOutput, Line, Stream};
use crate::scripts::processes::Processes;
use crate::scripts::progress::{Caller, Interrupts, Progress};

/// How often it is looked whether somebody asks for an end, and before Linux 5.3 whether the script has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long a pipe must be silent after its script has ended before nothing more is expected.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a node reads on after a script has ended.
const READ_ON: Duration = Duration::from_secs(20);
/// How long a script that is to end may take to do so.
const PATIENCE: Duration = Duration::from_secs(5);

/// A script to run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// What a person calls it: `bin/setup`, `control start`.
    pub name: String,
    /// Who runs it.
    pub caller: Caller,
    /// Its command, with the whole environment.
    pub command: CommandSpec,
}

/// Runs scripts, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    /// How long one script may take.
    pub limit: Duration,
    /// Asked for while a script runs.
    pub interrupts: Interrupts,
    /// The gear's processes, which are reaped meanwhile if they have become our children.
    pub processes: Processes,
    /// The file in which the script that runs is noted as a [`ProcessId`], so that one that
    /// outlives a killed `gear` can be found.
    pub note: Option<Utf8PathBuf>,
}

impl Runner {
    /// Runs a script to its end and demands exit code 0.
    ///
    /// # Errors
    /// [`GearError`]; whatever it was, the script does not run any more.
    pub(crate) fn run(
        &self,
        script: &Script,
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, GearError> {
        progress.step(&script.name, script.caller);
        if !is_executable(&script.command.program) {
            return Err(GearError::NotExecutable {
                hook: script.name.clone(),
                path: script.command.program.clone(),
            });
        }
        check_first_line(&script.name, &script.command.program)?;
        let child = run::piped(&with_umask(&script.command))?;
        self.note_running(child.id());
        let mut running = Running::new(child, script);
        let ended = running.follow(self, progress);
        self.note_ended();
        let output = running.output;
        if output.held_open {
            progress.notice(&format!(
                "What {} started keeps its output open; a node would have waited 20 seconds for it",
                script.name
            ));
        }
        match ended? {
            status if status.success() => Ok(output),
            status => Err(GearError::Failed { hook: script.name.clone(), status, output }),
        }
    }

    /// A note that cannot be written must not keep the script from being watched.
    fn note_running(&self, pid: u32) {
        let note = ProcessId::of_child(pid).and_then(|process| serde_json::to_vec(&process).ok());
        if let (Some(file), Some(note)) = (&self.note, note) {
            let _ = files::write_unsynced(file, &note, 0o600);
        }
    }

    /// What a script left running in its process group when it ended is what it wanted to run.
    fn note_ended(&self) {
        if let Some(file) = &self.note {
            // A note too many is that of a script which is found to have ended.
            let _ = files::remove_if_exists(file);
        }
    }
}

/// Whether a path is a file (or a link to one) that may be executed.
#[must_use]
pub(crate) fn is_executable(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The system would say that a script whose lines end as on Windows is not there, and a shell that
/// reads it that some command is not.
pub(crate) fn check_first_line(hook: &str, path: &Utf8Path) -> Result<(), GearError> {
    if !programs::has_carriage_return(path) {
        return Ok(());
    }
    Err(GearError::CarriageReturn { hook: hook.to_owned(), path: path.to_owned() })
}

/// The umask belongs to a process, so a shell sets it between us and the script; on a node there
/// are even two of them.
fn with_umask(command: &CommandSpec) -> CommandSpec {
    CommandSpec {
        program: "/bin/sh".into(),
        args: ["-c", "umask 022; exec \"$@\"", "sh", command.program.as_str()]
            .into_iter()
            .map(str::to_owned)
            .chain(command.args.iter().cloned())
            .collect(),
        env: command.env.clone(),
        dir: command.dir.clone(),
    }
}

/// A script that runs.
struct Running<'a> {
    child: Child,
    /// Readable once the script has ended; until it is known to have.
    end: Option<OwnedFd>,
    script: &'a Script,
    /// Bytes of each stream that no newline has followed yet; `None` once the stream has ended.
    partial: [Option<Vec<u8>>; 2],
    output: HookOutput,
}

const STREAMS: [Stream; 2] = [Stream::Out, Stream::Err];

impl<'a> Running<'a> {
    fn new(child: Child, script: &'a Script) -> Self {
        Self {
            end: ProcessId::of(child.id()).and_then(process::end_of),
            child,
            script,
            partial: [Some(Vec::new()), Some(Vec::new())],
            output: HookOutput::default(),
        }
    }

    fn follow(
        &mut self,
        runner: &Runner,
        progress: &mut dyn Progress,
    ) -> Result<ExitStatus, GearError> {
        let deadline = Instant::now() + runner.limit;
        loop {
            self.read(LOOK, progress);
            if let Some(status) = self.child.try_wait().map_err(|e| self.lost(e))? {
                self.end = None;
                self.read_on(progress);
                return Ok(status);
            }
            runner.processes.reap(Some(self.child.id()));
            if runner.interrupts.take() {
                self.end(runner);
                return Err(GearError::interrupted(format!(
                    "{} was interrupted",
                    self.script.name
                )));
            }
            if Instant::now() > deadline {
                self.end(runner);
                return Err(GearError::TimedOut {
                    hook: self.script.name.clone(),
                    seconds: runner.limit.as_secs(),
                    output: self.output.clone(),
                });
            }
        }
    }

    /// Reads what the ended script left in the pipes. A daemon that kept them open is given up
    /// when it says nothing for a second; a node always waits its 20 seconds.
    fn read_on(&mut self, progress: &mut dyn Progress) {
        let ended = Instant::now();
        let mut heard = ended;
        while self.partial.iter().any(Option::is_some) {
            if self.read(LOOK, progress) {
                heard = Instant::now();
            }
            if heard.elapsed() > SILENCE || ended.elapsed() > READ_ON {
                self.output.held_open = true;
                break;
            }
        }
        for (index, stream) in STREAMS.into_iter().enumerate() {
            if let Some(rest) = self.partial[index].take() {
                self.take_last(stream, &rest, progress);
            }
        }
    }

    /// Waits up to `limit` for output and takes it in; answers whether there was any.
    fn read(&mut self, limit: Duration, progress: &mut dyn Progress) -> bool {
        let ready = self.ready(limit);
        let mut any = false;
        for (index, stream) in STREAMS.into_iter().enumerate() {
            if !ready[index] {
                continue;
            }
            let mut buffer = [0; 16 * 1024];
            let read = match stream {
                Stream::Out => self.child.stdout.as_mut().map(|s| s.read(&mut buffer)),
                Stream::Err => self.child.stderr.as_mut().map(|s| s.read(&mut buffer)),
            };
            match read {
                Some(Ok(count)) if count > 0 => {
                    any = true;
                    self.take_in(index, stream, &buffer[..count], progress);
                }
                Some(Err(e)) if e.kind() == std::io::ErrorKind::Interrupted => {}
                _ => {
                    let rest = self.partial[index].take().unwrap_or_default();
                    self.take_last(stream, &rest, progress);
                }
            }
        }
        any
    }

    /// Which of the streams have something to say, its end included.
    fn ready(&self, limit: Duration) -> [bool; 2] {
        let open = |index: usize| self.partial[index].is_some();
        let streams: [Option<BorrowedFd<'_>>; 2] = [
            self.child.stdout.as_ref().map(AsFd::as_fd).filter(|_| open(0)),
            self.child.stderr.as_ref().map(AsFd::as_fd).filter(|_| open(1)),
        ];
        // Last, so that the answers of the streams come first.
        let end = self.end.as_ref().map(AsFd::as_fd);
        let mut polled: Vec<PollFd<'_>> = streams
            .iter()
            .chain([&end])
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        // Interrupted by a signal: nothing is ready, and the caller comes again.
        let _ = rustix::event::poll(&mut polled, Some(&timeout));
        let mut answers = polled.iter().map(|fd| !fd.revents().is_empty());
        streams.map(|stream| stream.is_some() && answers.next().unwrap_or(false))
    }

    fn take_in(&mut self, index: usize, stream: Stream, bytes: &[u8], progress: &mut dyn Progress) {
        let mut pending = self.partial[index].take().unwrap_or_default();
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.take_line(stream, &rest[..end], progress);
            rest = &rest[end + 1..];
        }
        self.partial[index] = Some(rest.to_vec());
    }

    /// A stream ended; what came after its last newline is a line, too.
    fn take_last(&mut self, stream: Stream, rest: &[u8], progress: &mut dyn Progress) {
        if !rest.is_empty() {
            self.take_line(stream, rest, progress);
        }
    }

    fn take_line(&mut self, stream: Stream, bytes: &[u8], progress: &mut dyn Progress) {
        let line = Line::parse(stream, bytes);
        progress.heard(&line);
        self.output.lines.push(line);
    }

    /// Ends the script and whatever it started in its process group.
    fn end(&mut self, runner: &Runner) {
        let Some(leader) = ProcessId::of(self.child.id()) else {
            let _ = self.child.wait();
            return;
        };
        leader.signal_group(Signal::TERM);
        let gone = cart_core::wait::until(PATIENCE, || {
            runner.processes.reap(Some(self.child.id()));
            self.child.try_wait().ok().flatten()
        });
        if gone.is_none() {
            leader.signal_group(Signal::KILL);
            // It has been killed; it cannot take long.
            let _ = self.child.wait();
        }
    }

    fn lost(&self, source: std::io::Error) -> GearError {
        let why = fault::words_of_start(&source).into_owned();
        RunError::NotStarted { command: self.script.name.clone(), why, source }.into()
    }
}

#[cfg(test)]
mod tests;
