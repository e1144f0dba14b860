//! What a service is: data that a hook builds and the supervisor keeps.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, LogLimits, files};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

/// One service: a program that serves on sockets which the supervisor holds for it, or a background
/// service, which has none (see [`ServiceSpec::background`]). Any difference between two specs is a
/// reason for a new generation, but for how they are logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// The service's name; it stands in file names, so letters, digits, `-`, `_` and dots within.
    pub name: String,
    /// What runs in it, for people: `gunicorn`, `nginx 1.22.1`.
    pub label: String,
    /// The program. It finds its sockets as descriptors 3, 4, ... in the order of
    /// [`listen`](Self::listen), and must stay in the foreground.
    pub command: CommandSpec,
    /// The sockets.
    pub listen: Vec<Listen>,
    /// Where people find its standard output and error.
    pub log: Utf8PathBuf,
    /// How they get there, and who bounds the service's logs.
    #[serde(default)]
    pub logging: Logging,
    /// How it proves itself before it replaces its predecessor.
    pub probe: Probe,
    /// Seconds it may take to prove itself.
    pub start_limit: u64,
    /// How it is stopped.
    pub stop: Stop,
    /// Signals upon which its processes say in the log where they stand: each that catches one gets
    /// it when the service has not answered in time, before it is ended. The next is sent when one
    /// led to nothing.
    #[serde(default)]
    pub asked_where: Vec<i32>,
    /// Bytes of resident memory that one of its processes may have: beyond that, all of it is replaced
    /// by a new generation, as a hook would do it.
    #[serde(default)]
    pub max_memory: Option<u64>,
    /// Whether visitors miss nothing when it is down: it counts for nothing where that is asked.
    #[serde(default)]
    pub is_aside: bool,
}

impl ServiceSpec {
    /// A background service: nobody asks it anything, so nothing proves that it works, and nobody
    /// misses it for a moment. It is begun when its predecessor, and everything that this one
    /// started, has ended: two of it never run at the same time. It is started again whenever it
    /// ends, however often. Stopped by SIGTERM, it has `drain` seconds to end.
    #[must_use]
    pub fn background(name: String, label: String, command: CommandSpec, drain: u64) -> Self {
        Self {
            label,
            start_limit: 0,
            stop: Stop { signal: StopSignal::Term, linger: 0, drain },
            ..Self::listening(&name, command, Vec::new(), Utf8PathBuf::new())
        }
    }

    /// A service that is asked on sockets, as most are: it has a minute to react on them, five seconds
    /// to serve on when it was replaced, and half a minute to finish after a SIGTERM. It writes its
    /// log itself. What is otherwise is said beside it (`ServiceSpec { probe, ..it }`).
    #[must_use]
    pub fn listening(
        name: &str,
        command: CommandSpec,
        listen: Vec<Listen>,
        log: Utf8PathBuf,
    ) -> Self {
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            command,
            listen,
            log,
            logging: Logging::default(),
            probe: Probe::Reaction,
            start_limit: 60,
            stop: Stop { signal: StopSignal::Term, linger: 5, drain: 30 },
            asked_where: Vec::new(),
            max_memory: None,
            is_aside: false,
        }
    }

    /// Whether it is a background service.
    #[must_use]
    pub fn is_background(&self) -> bool {
        self.listen.is_empty()
    }

    /// Whether `other` is served in the same way. How it is logged does not count: that is changed
    /// while the service runs. Nor does what is asked of one that does not come up.
    #[must_use]
    pub fn serves_as(&self, other: &Self) -> bool {
        let logged = |spec: &Self| Self {
            log: self.log.clone(),
            logging: self.logging.clone(),
            asked_where: self.asked_where.clone(),
            ..spec.clone()
        };
        *self == logged(other)
    }
}

/// Who writes the logs of a service, and who bounds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Logging {
    /// The service prints into a pipe; this command reads it from its standard input, writes
    /// [`ServiceSpec::log`] and bounds it. The supervisor starts it, and again when it crashes. It
    /// ends at the end of its input. See [`SupervisorProcess::log_writer`].
    ///
    /// [`SupervisorProcess::log_writer`]: crate::SupervisorProcess::log_writer
    Collected {
        /// The command.
        writer: CommandSpec,
    },
    /// The service appends to [`ServiceSpec::log`] itself. What it writes to these files is
    /// bounded by the supervisor, which renames them and sends SIGUSR1, upon which the service
    /// opens them anew: nginx does.
    Own {
        /// The files; those that are not there are passed over.
        files: Vec<Utf8PathBuf>,
        /// How much of each is kept.
        limits: LogLimits,
    },
}

/// Nothing is bounded.
impl Default for Logging {
    fn default() -> Self {
        Self::Own { files: Vec::new(), limits: LogLimits::default() }
    }
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// A port, bound once and shared by all generations.
    Tcp(SocketAddr),
    /// A path; each generation binds beside it and is renamed over it.
    Unix(Utf8PathBuf),
}

impl Listen {
    /// Removes a path, on which nobody listens any more; that it cannot be is no harm.
    pub(crate) fn remove(&self) {
        if let Self::Unix(path) = self {
            let _ = files::remove_if_exists(path);
        }
    }
}

/// Where generation `generation` of the socket `path` is bound until it has proved itself.
pub(crate) fn generation_path(path: &Utf8Path, generation: u64) -> Utf8PathBuf {
    path.with_extension(format!("{generation}.sock"))
}

/// What counts as proof that a service works, on each of its sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// An HTTP answer with an allowed status.
    Http {
        /// The path asked for, query included.
        path: String,
        /// The `Host` header.
        host: String,
        /// Ranges of allowed statuses.
        statuses: Vec<RangeInclusive<u16>>,
    },
    /// A reaction to a client that connects and ends its side without a word: the other side ends,
    /// too. It shows that somebody accepts, asks nothing of an app, and stands in no access log.
    Reaction,
}

/// How a service is stopped: it goes on serving for `linger` seconds (while others may still hold
/// connections to it), then gets `signal`, then has `drain` seconds to finish what it has in its
/// hands, then is killed with its whole process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// What tells it to finish its work and end.
    pub signal: StopSignal,
    /// Seconds from its replacement to the signal; not waited for when it is stopped for good.
    pub linger: u64,
    /// Seconds from the signal to the kill.
    pub drain: u64,
}

/// Signals that ask for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM: most servers' graceful end.
    Term,
    /// SIGQUIT: nginx's graceful end.
    Quit,
}

impl StopSignal {
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Term => Signal::TERM,
            Self::Quit => Signal::QUIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_stand_beside_the_path() {
        assert_eq!(generation_path("/r/appserver.sock".into(), 7), "/r/appserver.7.sock");
    }
}
