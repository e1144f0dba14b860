//! A cartridge's supervisor as a process: found, started, succeeded, renewed.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{CartridgeDir, CommandSpec, GearEnv, LogLimits, files, lock, run, wait};
use rustix::process::Signal;

use crate::client::family;
use crate::client::socket::{self, Client, ClientError, PATIENCE};
use crate::protocol::record::Record;
use crate::protocol::subcommands::{SUCCEED, SUCCEED_TO_END, SUPERVISE, WRITE_LOG};

/// How long a supervisor may take to make its socket anew, or to be succeeded.
const REACH_LIMIT: Duration = Duration::from_secs(5);

/// How to reach the supervisor of a cartridge, and how to start it.
#[derive(Clone, Debug)]
pub struct SupervisorProcess {
    /// The cartridge's `run/`.
    pub run: Utf8PathBuf,
    /// The cartridge's `logs/`.
    pub logs: Utf8PathBuf,
    /// What starts it: a program that calls [`run`](crate::run).
    pub command: CommandSpec,
}

impl SupervisorProcess {
    /// The supervisor of the cartridge in `dir`, whose `program` calls [`main`](crate::main). Its
    /// own environment is empty: what it starts brings its own.
    #[must_use]
    pub fn new(dir: &CartridgeDir, program: &Utf8Path) -> Self {
        Self::at(&dir.run(), &dir.logs(), program)
    }

    /// The supervisor of the cartridge with these two directories.
    pub(crate) fn at(run: &Utf8Path, logs: &Utf8Path, program: &Utf8Path) -> Self {
        let command = CommandSpec::new(program, &GearEnv::new())
            .args([SUPERVISE, run.as_str(), logs.as_str()])
            // By its directory whoever looks for a gear's processes finds it.
            .dir(directory(run));
        Self { run: run.to_owned(), logs: logs.to_owned(), command }
    }

    /// What writes and bounds the log of a service that prints into a pipe, for
    /// [`Logging::Collected`](crate::Logging::Collected): this cartridge's own program.
    #[must_use]
    pub fn log_writer(&self, log: &Utf8Path, limits: LogLimits) -> CommandSpec {
        CommandSpec::new(&self.command.program, &GearEnv::new())
            .args([WRITE_LOG, log.as_str()])
            .args([limits.size.to_string(), limits.files.to_string()])
            .dir(&self.command.dir)
    }

    /// The running supervisor, if one runs.
    ///
    /// # Errors
    /// [`ClientError::Socket`] when its socket is there but may not be used.
    pub fn find(&self) -> Result<Option<Client>, ClientError> {
        Client::connect(&self.run, &self.log())
    }

    /// The supervisor that lives, however its socket fares: one whose socket somebody removed makes
    /// it anew, and a killed one is waited for as long as somebody is about to succeed it.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn reach(&self) -> Result<Option<Client>, ClientError> {
        self.seek().map(|(client, _)| client)
    }

    /// As [`reach`](Self::reach), with those that live and cannot be reached.
    fn seek(&self) -> Result<(Option<Client>, Vec<ProcessId>), ClientError> {
        let mut asked = Vec::new();
        let reached = wait::until(REACH_LIMIT, || {
            match self.find() {
                Ok(None) => {}
                other => return Some(other),
            }
            // Before those whom they start.
            let heirs = family::heirs(&self.run);
            let supervisors = family::supervisors(&self.run);
            // Asked once: it may be about to end.
            for process in supervisors.iter().filter(|process| !asked.contains(*process)) {
                process.signal(Signal::CONT);
                process.signal(Signal::HUP);
            }
            let nobody = supervisors.is_empty() && heirs.is_empty();
            asked.extend(supervisors);
            nobody.then_some(Ok(None))
        });
        Ok((reached.transpose()?.flatten(), asked))
    }

    /// Whether services run that a supervisor started which is not there any more.
    #[must_use]
    pub fn left_something_running(&self) -> bool {
        Record::read(&self.run).anything_runs() || !self.strays().is_empty()
    }

    /// Processes that a supervisor of this cartridge started, and that neither the one that lives
    /// nor its record knows: it was killed, and the record was lost. They are known by what they
    /// print to. One that redirected that is found by its group.
    #[must_use]
    pub fn strays(&self) -> Vec<ProcessId> {
        family::strays(&self.run, &self.logs)
    }

    /// Ends the [strays](Self::strays), whatever else runs; those that have not ended after `limit`
    /// are killed. Answers whether there were any.
    #[must_use]
    pub fn end_strays(&self, limit: Duration) -> bool {
        family::end_strays(&self.run, &self.logs, limit)
    }

    /// The running supervisor, or, if it died and left services running, a new one that has taken
    /// them over; `None` when nothing runs that anybody has a record of. To be called under the
    /// hook's lock.
    ///
    /// # Errors
    /// As [`find_or_start`](Self::find_or_start).
    pub fn find_or_take_over(&self) -> Result<Option<Client>, ClientError> {
        match self.reach()?.filter(Client::understands) {
            Some(client) => Ok(Some(client)),
            None if Record::read(&self.run).anything_runs()
                || !family::supervisors(&self.run).is_empty() =>
            {
                self.find_or_start().map(Some)
            }
            None => Ok(None),
        }
    }

    /// The running supervisor, or one started now. One that runs from another program than the
    /// cartridge has now becomes that program, without a gap; see [`Client::not_renewed`]. To be
    /// called under the hook's lock.
    ///
    /// # Errors
    /// [`ClientError`] when it cannot be started.
    pub fn find_or_start(&self) -> Result<Client, ClientError> {
        let started = wait::until(PATIENCE, || match self.seek() {
            Ok((Some(client), _)) => self.renewed(client).transpose(),
            Ok((None, unreachable)) => {
                end(unreachable);
                self.start(SUPERVISE).transpose()
            }
            Err(error) => Some(Err(error)),
        });
        started
            .unwrap_or_else(|| Err(ClientError::Locked { directory: directory(&self.run).into() }))
    }

    /// Starts a supervisor in the place of one that was killed: `true` when that is done, or there is
    /// nothing to do; `false` when somebody else is at it.
    ///
    /// # Errors
    /// As [`find_or_start`](Self::find_or_start).
    pub(crate) fn succeed(&self, to_end: bool) -> Result<bool, ClientError> {
        let word = if to_end { SUCCEED_TO_END } else { SUCCEED };
        Ok(self.start(word)?.is_some())
    }

    /// Starts a supervisor; `None` when another one has the lock.
    fn start(&self, word: &str) -> Result<Option<Client>, ClientError> {
        let Some(lock) = lock::try_lock_directory(directory(&self.run))? else {
            return Ok(None);
        };
        files::create_dir(&self.run, 0o700)?;
        let listener = socket::listen(&self.run)?;
        let client = Client::new(&self.run, &self.log());
        let log = files::open_log(&self.log())?;
        let mut command = self.command.clone();
        word.clone_into(&mut command.args[0]);
        let child = run::daemon(&command, vec![listener.into(), lock.into()], &log)?;
        let pid = format!("{}\n", child.id());
        // For people only: a full disk is no reason to fail.
        let _ = files::write_unsynced(&self.run.join("supervisor.pid"), pid.as_bytes(), 0o644);
        // The socket listens already: a request waits in its backlog until the supervisor reads.
        Ok(Some(client))
    }

    /// The supervisor as the program that the cartridge has now; `None` when it just went: also one
    /// that understands nothing of what we say, which is killed.
    fn renewed(&self, mut client: Client) -> Result<Option<Client>, ClientError> {
        let process = match client.about() {
            Ok(process) => process,
            // It can be told nothing.
            Err(ClientError::OtherProtocol { .. } | ClientError::TimedOut { .. }) => {
                end(family::supervisors(&self.run));
                end(Record::read(&self.run).supervisor);
                return Ok(None);
            }
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(error),
        };
        if !runs(process, &self.command.program) {
            let program = CommandSpec { args: Vec::new(), ..self.command.clone() };
            client.become_program(program)?;
        }
        Ok(Some(client))
    }

    fn log(&self) -> Utf8PathBuf {
        self.logs.join("supervisor.log")
    }
}

/// Ends supervisors that can be told nothing, and would start again what their successor stops. Their
/// services outlive them, and are taken over.
fn end(supervisors: impl IntoIterator<Item = ProcessId>) {
    for supervisor in supervisors {
        supervisor.signal(Signal::KILL);
        let _ = supervisor.wait_gone(PATIENCE);
    }
}

/// Whether a process runs from this very file. When that cannot be found out, it does.
fn runs(process: ProcessId, program: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &str| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    match (file(&format!("/proc/{}/exe", process.pid)), file(program.as_str())) {
        (Some(running), Some(now)) => running == now,
        _ => true,
    }
}

/// The cartridge's directory.
fn directory(run: &Utf8Path) -> &Utf8Path {
    run.parent().unwrap_or(run)
}
