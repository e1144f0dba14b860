//! Speaking with a supervisor that runs, over its socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::{self, ProcessId};
use cart_core::run::RunError;
use cart_core::{CommandSpec, fault, tree};
use rustix::process::Signal;

use crate::client::family;
use crate::protocol::messages::{
    Change, Failure, Message, Request, Response, ServiceStatus, TURN_LIMIT,
};
use crate::protocol::service::ServiceSpec;

/// How long a supervisor may take for an answer beyond what the request itself needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often one that does not answer is looked at.
const LOOK: Duration = Duration::from_secs(1);

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
    /// The supervisor of the cartridge with this `run/`, which writes that `log`.
    pub(crate) fn new(run: &Utf8Path, log: &Utf8Path) -> Self {
        let log_offset = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
        let (socket, log) = (socket_path(run), log.to_owned());
        Self { run: run.to_owned(), socket, log, log_offset, not_renewed: None }
    }

    /// The same, if it listens.
    pub(crate) fn connect(run: &Utf8Path, log: &Utf8Path) -> Result<Option<Self>, ClientError> {
        let socket = socket_path(run);
        match UnixStream::connect(&socket) {
            Ok(_) => Ok(Some(Self::new(run, log))),
            Err(e) if is_gone(&e) => Ok(None),
            Err(source) => Err(ClientError::Socket { path: socket, source }),
        }
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
        self.ensure_together(spec, Vec::new(), renew)
    }

    /// As [`ensure`](Self::ensure), with others that are of the same release: unless all run as wanted, all
    /// are started anew, prove themselves one after the other, and take their places only when all have done
    /// so. Answers what became of them together: replaced if one was.
    ///
    /// # Errors
    /// [`ClientError::Failed`] and [`ClientError::FailedBeside`]: one did not come up, and what ran
    /// before still runs, all of it.
    pub fn ensure_together(
        &self,
        spec: ServiceSpec,
        beside: Vec<ServiceSpec>,
        renew: bool,
    ) -> Result<Change, ClientError> {
        let limits = beside.iter().map(|spec| spec.start_limit).sum::<u64>() + spec.start_limit;
        let limit = Duration::from_secs(limits) + TURN_LIMIT + PATIENCE;
        let request = if beside.is_empty() {
            Request::Ensure { spec: Box::new(spec), renew }
        } else {
            Request::EnsureTogether { specs: [vec![spec], beside].concat(), renew }
        };
        match self.ask(&request, limit)? {
            Response::Ensured(change) => Ok(change),
            Response::Failed(failure) => Err(ClientError::Failed(failure)),
            Response::FailedBeside { service, failure } => {
                Err(ClientError::FailedBeside { service, failure })
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has these [background services](ServiceSpec::background) run, and no others. Those that run as
    /// wanted are left alone, unless `renew` is set. It is not waited for: each begins when its
    /// predecessor has ended.
    ///
    /// # Errors
    /// [`ClientError::OtherProtocol`] from a supervisor that knows no such services.
    pub fn background(&self, specs: Vec<ServiceSpec>, renew: bool) -> Result<(), ClientError> {
        match self.ask(&Request::Background { specs, renew }, PATIENCE)? {
            Response::Agreed => Ok(()),
            // It was asked to end meanwhile.
            Response::Failed(failure) => Err(ClientError::Failed(failure)),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Stops everything, `first` first, and then the supervisor itself. Where that takes longer than ten seconds and
    /// a visitor is connected to the others, they are told to end, too. What has not finished its work after `limit`
    /// is killed.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] when it has not ended well after that.
    pub fn end(&self, first: &[&str], limit: Duration) -> Result<(), ClientError> {
        let first = first.iter().map(|s| (*s).to_owned()).collect();
        let within = limit.as_secs();
        let supervisor = self.about().ok();
        match self.ask(&Request::End { first, within }, limit + PATIENCE)? {
            Response::Stopped => {
                // It has nothing left to do. Who looks after a stop shall find nobody.
                let _ = supervisor.map(|process| process.wait_gone(PATIENCE));
                Ok(files::remove_if_exists(&self.socket)?)
            }
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

    /// Ends `service` alone, if it runs, when it has lingered; it is not waited for. Answers whether it ran.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`].
    pub fn retire(&self, service: &str) -> Result<bool, ClientError> {
        match self.ask(&Request::Retire { service: service.to_owned() }, PATIENCE)? {
            Response::Noted(ran) => Ok(ran),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Says whether the end is near: from then on
    /// [`CartridgeDir::ready_file`](cart_core::CartridgeDir::ready_file) is not there, also under a
    /// successor, until somebody says that it is not near any more. What serves goes on. Answers whether anything
    /// does.
    ///
    /// # Errors
    /// [`ClientError::OtherProtocol`] from a supervisor that does not know it.
    pub fn end_nears(&self, nears: bool) -> Result<bool, ClientError> {
        match self.ask(&Request::EndNears(nears), PATIENCE)? {
            Response::Noted(serves) => Ok(serves),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Which process it is.
    pub(crate) fn about(&self) -> Result<ProcessId, ClientError> {
        match self.ask(&Request::About, PATIENCE)? {
            Response::About { process, .. } => Ok(process),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Whether it speaks as we do.
    pub(crate) fn understands(&self) -> bool {
        !matches!(self.about(), Err(ClientError::OtherProtocol { .. }))
    }

    /// Has it become `program`; see [`not_renewed`](Self::not_renewed).
    pub(crate) fn become_program(&mut self, program: CommandSpec) -> Result<(), ClientError> {
        self.not_renewed = match self.ask(&Request::Become { program }, PATIENCE)? {
            Response::Became => None,
            Response::NotBecome(why) => Some(why),
            other => return Err(self.unexpected(&other)),
        };
        Ok(())
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

/// What can go wrong between a hook and the supervisor.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service did not come up; what ran before still runs.
    #[error("{0}")]
    Failed(Failure),
    /// A service that was to take its place together with another did not come up; what ran before
    /// still runs.
    #[error("{service}: {failure}")]
    FailedBeside {
        /// Its name.
        service: String,
        /// Why.
        failure: Failure,
    },
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

impl ClientError {
    /// Whether the supervisor went while it was being asked: it was ending.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::NoAnswer { source, .. } if is_gone(source))
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
