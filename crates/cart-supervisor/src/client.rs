//! A hook's side: finding the supervisor, starting it, asking it for things.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::{self, ProcessId};
use cart_core::run::{self, RunError};
use cart_core::{CartridgeDir, CommandSpec, GearEnv, LogLimits, fault, lock, tree, wait};
use rustix::process::Signal;

use crate::daemon::{SUCCEED, SUCCEED_TO_END, SUPERVISE};
use crate::family;
use crate::logs::WRITE_LOG;
use crate::operation::TURN_LIMIT;
use crate::protocol::{Change, Failure, Message, Request, Response, ServiceStatus};
use crate::record::Record;
use crate::service::ServiceSpec;

/// How long a supervisor may take for an answer beyond what the request itself needs.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a supervisor may take to make its socket anew, or to be succeeded.
const REACH_LIMIT: Duration = Duration::from_secs(5);
/// How often one that does not answer is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How to reach the supervisor of a cartridge, and how to start it.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// The cartridge's `run/`.
    pub run: Utf8PathBuf,
    /// The cartridge's `logs/`.
    pub logs: Utf8PathBuf,
    /// What starts it: a program that calls [`run`](crate::run).
    pub command: CommandSpec,
}

impl Supervisor {
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
        let socket = socket_path(&self.run);
        match UnixStream::connect(&socket) {
            Ok(_) => Ok(Some(Client::new(self))),
            Err(e) if is_gone(&e) => Ok(None),
            Err(source) => Err(ClientError::Socket { path: socket, source }),
        }
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
        let listener = listen(&self.run)?;
        let client = Client::new(self);
        let log = files::open_log(&self.log())?;
        let mut command = self.command.clone();
        word.clone_into(&mut command.args[0]);
        let child = run::daemon(&command, vec![listener.into(), lock.into()], &log)?;
        let pid = format!("{}\n", child.id());
        // For people only: a full disk is no reason to fail.
        let _ = files::write_atomic(&self.run.join("supervisor.pid"), pid.as_bytes(), 0o644);
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
            client.not_renewed = match client.ask(&Request::Become { program }, PATIENCE)? {
                Response::Became => None,
                Response::NotBecome(why) => Some(why),
                other => return Err(client.unexpected(&other)),
            };
        }
        Ok(Some(client))
    }

    fn log(&self) -> Utf8PathBuf {
        self.logs.join("supervisor.log")
    }
}

/// A supervisor that listens.
#[derive(Clone, Debug)]
pub struct Client {
    run: Utf8PathBuf,
    socket: Utf8PathBuf,
    log: Utf8PathBuf,
    /// How long the log was when this client was made: what stands before is of no concern.
    log_offset: u64,
    not_renewed: Option<String>,
}

impl Client {
    fn new(of: &Supervisor) -> Self {
        let log = of.log();
        let log_offset = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let socket = socket_path(&of.run);
        Self { run: of.run.clone(), socket, log, log_offset, not_renewed: None }
    }

    /// Why the supervisor still runs from another program than the cartridge has now, if it does.
    /// It works all the same.
    #[must_use]
    pub fn not_renewed(&self) -> Option<&str> {
        self.not_renewed.as_deref()
    }

    /// Makes a service run as `spec` says: starts it, or replaces the generation that runs when
    /// it differs or when `renew` is set.
    ///
    /// # Errors
    /// [`ClientError::Failed`]: it did not come up, and what ran before still runs.
    pub fn ensure(&self, spec: ServiceSpec, renew: bool) -> Result<Change, ClientError> {
        let limit = Duration::from_secs(spec.start_limit) + TURN_LIMIT + PATIENCE;
        match self.ask(&Request::Ensure { spec: Box::new(spec), renew }, limit)? {
            Response::Ensured(change) => Ok(change),
            Response::Failed(failure) => Err(ClientError::Failed(failure)),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Stops everything, `first` first, and then the supervisor itself. What has not finished its
    /// work after `limit` is killed.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] when it has not ended well after that.
    pub fn end(&self, first: &[&str], limit: Duration) -> Result<(), ClientError> {
        let first = first.iter().map(|s| (*s).to_owned()).collect();
        let within = limit.as_secs();
        match self.ask(&Request::End { first, within }, limit + PATIENCE)? {
            Response::Stopped => Ok(files::remove_if_exists(&self.socket)?),
            other => Err(self.unexpected(&other)),
        }
    }

    /// If the generation of `service` that serves now must be started again after a crash,
    /// `command` is started instead of its own: code that is known to work, say, when what lies in
    /// its place is not. It holds until another generation serves. Answers whether one serves now.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`].
    pub fn start_again_with(
        &self,
        service: &str,
        command: CommandSpec,
    ) -> Result<bool, ClientError> {
        let service = service.to_owned();
        match self.ask(&Request::StartAgainWith { service, command }, PATIENCE)? {
            Response::Noted(serves) => Ok(serves),
            other => Err(self.unexpected(&other)),
        }
    }

    fn about(&self) -> Result<ProcessId, ClientError> {
        match self.ask(&Request::About, PATIENCE)? {
            Response::About { process, .. } => Ok(process),
            other => Err(self.unexpected(&other)),
        }
    }

    fn understands(&self) -> bool {
        !matches!(self.about(), Err(ClientError::OtherProtocol { .. }))
    }

    /// What runs.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`].
    pub fn status(&self) -> Result<Vec<ServiceStatus>, ClientError> {
        match self.ask(&Request::Status, PATIENCE)? {
            Response::Status(services) => Ok(services),
            other => Err(self.unexpected(&other)),
        }
    }

    fn ask(&self, request: &Request, limit: Duration) -> Result<Response, ClientError> {
        let silent = |source: io::Error| {
            // The system's own words for this would make a node report another fault
            // (node-contract.md, Running scripts).
            if is_late(&source) {
                let (socket, seconds) = (self.socket.clone(), limit.as_secs());
                return ClientError::TimedOut { socket, seconds };
            }
            ClientError::NoAnswer {
                source,
                socket: self.socket.clone(),
                last_lines: files::last_lines(&self.log, self.log_offset, 5).join("\n"),
            }
        };
        let mut stream = UnixStream::connect(&self.socket).map_err(silent)?;
        let mut line = serde_json::to_vec(&Message::new(request)).map_err(|e| silent(e.into()))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(silent)?;
        let answer = self.read_answer(stream, limit).map_err(silent)?;
        if answer.is_empty() {
            return Err(silent(io::ErrorKind::ConnectionAborted.into()));
        }
        match Message::read(&answer) {
            Ok(Response::NotUnderstood(why)) | Err(why) => {
                Err(ClientError::OtherProtocol { socket: self.socket.clone(), why })
            }
            Ok(response) => Ok(response),
        }
    }

    fn read_answer(&self, stream: UnixStream, limit: Duration) -> io::Result<Vec<u8>> {
        let until = Instant::now() + limit;
        stream.set_read_timeout(Some(LOOK))?;
        let mut stream = BufReader::new(stream);
        let mut answer = Vec::new();
        loop {
            match stream.read_until(b'\n', &mut answer) {
                Err(e) if is_late(&e) && Instant::now() < until => {
                    // One that somebody stopped would answer never.
                    let supervisors = family::supervisors(&self.run).into_iter();
                    let stopped = supervisors.filter(|s| process::is_stopped(s.pid));
                    stopped.for_each(|supervisor| supervisor.signal(Signal::CONT));
                }
                other => return other.map(|_| answer),
            }
        }
    }

    fn unexpected(&self, response: &Response) -> ClientError {
        let source = io::Error::other(format!("unexpected answer {response:?}"));
        ClientError::NoAnswer { source, socket: self.socket.clone(), last_lines: String::new() }
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

/// Whether nobody listens on a socket, or the one who did just went.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotADirectory, NotFound,
    };
    matches!(
        error.kind(),
        NotFound
            | NotADirectory
            | ConnectionRefused
            | ConnectionReset
            | ConnectionAborted
            | BrokenPipe
    )
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The cartridge's directory.
fn directory(run: &Utf8Path) -> &Utf8Path {
    run.parent().unwrap_or(run)
}

/// Listens where hooks look for the supervisor, whatever stands there.
pub(crate) fn listen(run: &Utf8Path) -> Result<UnixListener, ClientError> {
    let path = socket_path(run);
    tree::remove(&path)?;
    let listener = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map(|()| listener)
    });
    listener.map_err(|source| ClientError::Socket { path, source })
}

fn socket_path(run: &Utf8Path) -> Utf8PathBuf {
    run.join("supervisor.sock")
}

impl ClientError {
    /// Whether the supervisor went while it was being asked: it was ending.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::NoAnswer { source, .. } if is_gone(source))
    }
}

/// What can go wrong between a hook and the supervisor.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service did not come up; what ran before still runs.
    #[error("{0}")]
    Failed(Failure),
    /// The control socket cannot be used.
    #[error("cannot use the supervisor's socket {path}: {}", fault::words(.source))]
    Socket {
        /// The socket.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The supervisor's program did not start.
    #[error(transparent)]
    NotStarted(#[from] RunError),
    /// The supervisor did not answer, or broke off.
    #[error("the supervisor behind {socket} did not answer: {}\n{last_lines}", fault::words(.source))]
    NoAnswer {
        /// The socket.
        socket: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
        /// The last lines of the supervisor's log.
        last_lines: String,
    },
    /// The supervisor took too long.
    #[error(
        "the supervisor behind {socket} has not answered for {seconds} seconds: look at logs/supervisor.log"
    )]
    TimedOut {
        /// The socket.
        socket: Utf8PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// Somebody else was starting or ending a supervisor all the time.
    #[error(
        "no supervisor could be started for {} seconds: somebody holds the lock on {directory}, where none answers",
        PATIENCE.as_secs()
    )]
    Locked {
        /// The cartridge's directory.
        directory: Utf8PathBuf,
    },
    /// The supervisor is of another version, which does not understand this one.
    #[error(
        "the supervisor behind {socket} is of another version ({why}): `control start` replaces it, and what it runs goes on"
    )]
    OtherProtocol {
        /// The socket.
        socket: Utf8PathBuf,
        /// What was not understood.
        why: String,
    },
    /// A file beside the socket could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}
