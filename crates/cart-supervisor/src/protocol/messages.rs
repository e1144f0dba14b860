//! What a hook and the supervisor say to each other: one line of JSON each way per connection.

use std::net::SocketAddr;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::CommandSpec;
use cart_core::process::ProcessId;
use serde::{Deserialize, Serialize};

use crate::protocol::service::{Listen, Probe, ServiceSpec, generation_path};

/// The version of what is said here. A supervisor may be older or newer than the hook that asks.
pub(crate) const PROTOCOL: u32 = 1;

/// How long new generations wait for old ones to end before they are begun all the same. Who asks for them
/// has so much more patience.
pub(crate) const TURN_LIMIT: Duration = Duration::from_secs(15);

/// What goes over the wire. This frame stays as it is in all versions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message<T> {
    /// [`PROTOCOL`] of who wrote it.
    pub(crate) protocol: u32,
    pub(crate) body: T,
}

impl<T> Message<T> {
    pub(crate) fn new(body: T) -> Self {
        Self { protocol: PROTOCOL, body }
    }
}

impl<T: serde::de::DeserializeOwned> Message<T> {
    /// The body of a message of this very version.
    pub(crate) fn read(line: &[u8]) -> Result<T, String> {
        let frame: Message<serde_json::Value> =
            serde_json::from_slice(line).map_err(|e| e.to_string())?;
        if frame.protocol != PROTOCOL {
            return Err(format!("this is version {PROTOCOL}, and not {}", frame.protocol));
        }
        serde_json::from_value(frame.body).map_err(|e| e.to_string())
    }
}

/// What a hook asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make this service run: start it, replace it when it differs (or when `renew`), else leave
    /// it alone.
    Ensure {
        /// The service wanted.
        spec: Box<ServiceSpec>,
        /// Replace it even when nothing differs.
        renew: bool,
    },
    /// The same of several, which are of one release: they take their places together, when all have
    /// proved themselves. An older supervisor does not know it.
    EnsureTogether {
        /// The services wanted.
        specs: Vec<ServiceSpec>,
        /// Replace them even when nothing differs.
        renew: bool,
    },
    /// Have these background services run, and no others: each is begun when its predecessor has
    /// ended, and those that are not named end. Answered at once.
    Background {
        /// The services wanted.
        specs: Vec<ServiceSpec>,
        /// Replace them even when nothing differs.
        renew: bool,
    },
    /// Stop everything in this order, then end.
    End {
        /// Names of services that go first; the others follow.
        first: Vec<String>,
        /// Seconds after which what is left is killed.
        within: u64,
    },
    /// Say what runs.
    Status,
    /// Say who you are.
    About,
    /// Become this program, and take everything along.
    Become {
        /// It, without arguments.
        program: CommandSpec,
    },
    /// Stop this service alone: it is not wanted any more.
    Retire {
        /// The service's name.
        service: String,
    },
    /// Whether the end is near: then `run/ready` is not there, whatever serves. An older supervisor does
    /// not know it.
    EndNears(bool),
    /// When the generation of this service that serves now must be started again after a crash,
    /// start this instead.
    StartAgainWith {
        /// The service's name.
        service: String,
        /// What to start; it gets the same sockets.
        command: CommandSpec,
    },
}

impl Request {
    /// Whether it is answered even while a change is under way.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self, Self::Status | Self::About | Self::EndNears(_) | Self::End { .. })
    }

    /// Whether a supervisor that has nothing left to supervise is wanted all the same.
    pub(crate) fn leads_to_a_start(&self) -> bool {
        matches!(
            self,
            Self::Ensure { .. }
                | Self::EnsureTogether { .. }
                | Self::Background { .. }
                | Self::Become { .. }
        )
    }
}

/// What the supervisor answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// To `Ensure`: it runs and has proved itself.
    Ensured(Change),
    /// To `Ensure`: it does not; what ran before still runs.
    Failed(Failure),
    /// To `Ensure`: one of the others does not; what ran before still runs.
    FailedBeside {
        /// Its name.
        service: String,
        /// Why.
        failure: Failure,
    },
    /// To `Background`: it will be so.
    Agreed,
    /// To `End`.
    Stopped,
    /// To `Status`.
    Status(Vec<ServiceStatus>),
    /// To `About`.
    About {
        /// The supervisor's process.
        process: ProcessId,
        /// The version of its program, for people.
        version: String,
    },
    /// To `Become`: this is the other program.
    Became,
    /// To `Become`: it is not, and everything is as before.
    NotBecome(String),
    /// To `StartAgainWith` and `Retire`: whether there is such a service. To `EndNears`: whether there is
    /// any.
    Noted(bool),
    /// The request was not understood.
    NotUnderstood(String),
}

/// What became of a service that was ensured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It ran already as wanted.
    Unchanged,
    /// It was started; nothing ran before.
    Started,
    /// It replaced the one that ran.
    Replaced,
}

/// Why a service did not come up. `last_lines` are the last lines of its log since its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its program could not be started.
    #[error("{message}")]
    NotStarted {
        /// Which program and why.
        message: String,
    },
    /// It ended before it answered.
    #[error("it ended with {status} before it answered a request")]
    Ended {
        /// `exit code N` or `signal N`.
        status: String,
        /// What it printed last.
        last_lines: Vec<String>,
    },
    /// It did not answer in time.
    #[error("it did not answer a request within {seconds} seconds")]
    NoAnswer {
        /// The limit.
        seconds: u64,
        /// What it printed last.
        last_lines: Vec<String>,
    },
    /// It answered with a status that is not allowed.
    #[error("it answered {path} with status {status}")]
    WrongStatus {
        /// What was asked for.
        path: String,
        /// What it answered.
        status: u16,
        /// What it printed last.
        last_lines: Vec<String>,
    },
    /// It closed the connection, or answered something that is not HTTP.
    #[error("it closed the connection without an HTTP answer")]
    NoHttp {
        /// What it printed last.
        last_lines: Vec<String>,
    },
    /// Somebody else listens on its port.
    #[error("the address {address} is taken{}", holder.as_deref().map(|h| format!(" by {h}")).unwrap_or_default())]
    AddressTaken {
        /// The address.
        address: SocketAddr,
        /// Pid and command line of who listens there, if that can be seen.
        holder: Option<String>,
    },
    /// A socket could not be opened.
    #[error("cannot listen on {place}: {message}")]
    NoSocket {
        /// Path or address.
        place: String,
        /// What the system said.
        message: String,
    },
    /// A file of the supervisor's could not be written.
    #[error("{message}")]
    File {
        /// Which file and why.
        message: String,
        /// The file.
        path: Utf8PathBuf,
    },
}

impl Failure {
    /// What the service printed last, if it got that far.
    #[must_use]
    pub fn last_lines(&self) -> &[String] {
        match self {
            Self::Ended { last_lines, .. }
            | Self::NoAnswer { last_lines, .. }
            | Self::WrongStatus { last_lines, .. }
            | Self::NoHttp { last_lines } => last_lines,
            _ => &[],
        }
    }

    /// The same failure with what the service printed last.
    pub(crate) fn with_lines(mut self, lines: Vec<String>) -> Self {
        if let Self::Ended { last_lines, .. }
        | Self::NoAnswer { last_lines, .. }
        | Self::WrongStatus { last_lines, .. }
        | Self::NoHttp { last_lines } = &mut self
        {
            *last_lines = lines;
        }
        self
    }
}

/// One service as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service's name.
    pub name: String,
    /// What runs in it, for people.
    pub label: String,
    /// Its generation: a number that grows with every replacement.
    pub generation: u64,
    /// What it does.
    pub state: ServiceState,
    /// How often it crashed and was started again in this generation.
    pub crashes: u32,
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// How it proved itself, if it has sockets.
    pub probe: Probe,
    /// Where people find what it prints.
    pub log: Utf8PathBuf,
}

impl ServiceStatus {
    /// The names by which the kernel knows its unix sockets, for
    /// [`connections`](cart_core::unix_sockets::connections): those of this generation alone.
    #[must_use]
    pub fn socket_names(&self) -> Vec<Utf8PathBuf> {
        let names = self.listen.iter().filter_map(|listen| match listen {
            Listen::Unix(path) => Some(generation_path(path, self.generation)),
            Listen::Tcp(_) => None,
        });
        names.collect()
    }
}

/// What a service does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It runs as this process.
    Running(ProcessId),
    /// It is begun when its predecessor has ended.
    Waiting,
    /// It crashed and will be started again.
    BackingOff {
        /// How it ended.
        reason: String,
    },
    /// It crashed too often in a row and is left alone until a hook asks for it.
    GaveUp {
        /// How it ended last.
        reason: String,
    },
}
