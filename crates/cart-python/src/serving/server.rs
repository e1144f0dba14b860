//! The servers that can run an app: what each needs installed, and how it is started.
//!
//! To add one, write an entry beside the others in `backends` and its name into [`SERVERS`].

pub mod backends;
pub mod choice;
pub mod table;

use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::{CommandSpec, GearEnv};
use semver::Version;

use crate::environment::virtualenv::{VirtualEnv, environment_for};
use crate::variables::entry_point::EntryPoint;
use crate::variables::interface::{self, Interface};
use crate::variables::worker_class::WorkerClass;
use backends::{
    CHEROOT, CUSTOM, GEVENT, GRANIAN, GUNICORN, HYPERCORN, TORNADO, UVICORN, UWSGI, WAITRESS,
    WSGIREF,
};

/// Every server, the default first.
pub const SERVERS: &[WsgiServer] = &[
    WSGIREF, GEVENT, GUNICORN, UVICORN, HYPERCORN, GRANIAN, WAITRESS, CHEROOT, TORNADO, UWSGI,
    CUSTOM,
];

/// Requests at the same time in each worker of a server that has threads, when nobody said how many.
const THREADS: u32 = 32;

/// A server of Python web apps, by WSGI (PEP 3333), as the name says, or by ASGI, or by both:
/// `interfaces` tells. What is for a table for people is a part of a sentence.
pub struct WsgiServer {
    /// As people write it in `OPENSHIFT_PYTHON_SERVER`.
    pub name: &'static str,
    /// What it is good for, in one line.
    pub description: &'static str,
    /// The packages that it needs, and those that it needs besides for gevent's workers.
    packages: &'static [Requirement],
    packages_for_gevent: &'static [Requirement],
    start: Start,
    /// The program of the app's repository that it is, where the app serves itself; then no callable
    /// is looked for.
    pub program: Option<&'static str>,
    /// How it can call an app, where that does not depend on a class of workers.
    interfaces: &'static [Interface],
    /// With which classes of workers, the best first, it calls an app so; none where it has no such
    /// classes.
    wsgi_classes: &'static [&'static str],
    asgi_classes: &'static [&'static str],
    /// Whether it has worker processes, so that their number means something.
    pub has_workers: bool,
    /// Whether it has as many workers as the gear bears when nobody said how many, and not one: many
    /// apps keep what their visitors share in memory.
    pub fills_the_gear: bool,
    /// How an app has WebSockets, or why it has none.
    websockets: Result<&'static str, &'static str>,
    /// What becomes of an open WebSocket when its server is replaced.
    websocket_at_swap: &'static str,
    /// What else it cannot do, and why.
    limits: &'static [(Ability, &'static str)],
    /// What passes through it piece by piece.
    streams: &'static str,
    /// What it does when it is told to stop by SIGTERM, until the drain time is over.
    graceful_stop: &'static str,
    /// What it cannot do, with the reason; may be empty.
    shortcomings: &'static str,
}

/// How a server is started.
enum Start {
    /// By our launcher of its name, which may be told how many threads there are to be.
    Launcher { threads: bool },
    /// In a way of its own.
    Own(fn(&Launch) -> CommandSpec),
}

impl WsgiServer {
    /// The packages that it needs with this class of workers.
    pub(crate) fn requirements(&self, class: &WorkerClass) -> Vec<Requirement> {
        let more = if class.is_gevent() { self.packages_for_gevent } else { &[] };
        [self.packages, more].concat()
    }

    /// How it is started. The listening socket is descriptor 3 of the process; with several, those that
    /// follow, too.
    pub(crate) fn command(&self, launch: &Launch) -> CommandSpec {
        match self.start {
            Start::Launcher { threads } => launch.launcher(self.name, threads),
            Start::Own(start) => start(launch),
        }
    }

    /// How it can call an app with this class of workers.
    pub(crate) fn interfaces(&self, class: &WorkerClass) -> &'static [Interface] {
        match class.interface() {
            _ if self.wsgi_classes.is_empty() => self.interfaces,
            Interface::Wsgi => &[Interface::Wsgi],
            Interface::Asgi => &[Interface::Asgi],
        }
    }

    /// Whether it can call an app so, whatever that needs; one that is the app's own program calls none.
    pub(crate) fn can_call(&self, interface: Interface) -> bool {
        let has_classes = !self.worker_classes(interface).is_empty();
        self.program.is_none() && (has_classes || self.interfaces.contains(&interface))
    }

    /// With which classes of workers, the best first, it calls an app so; none where it has no
    /// such classes.
    pub(crate) fn worker_classes(&self, interface: Interface) -> &'static [&'static str] {
        match interface {
            Interface::Wsgi => self.wsgi_classes,
            Interface::Asgi => self.asgi_classes,
        }
    }

    /// Why it cannot do what others can, whatever is done for it: its own reason, in half a
    /// sentence for people; none if it can.
    #[must_use]
    pub fn cannot(&self, ability: Ability, class: &WorkerClass) -> Option<&'static str> {
        match ability {
            Ability::WebSockets if class.is_sync() && !self.wsgi_classes.is_empty() => {
                Some("a worker of class sync serves one request at a time")
            }
            Ability::WebSockets => self.websockets.err(),
            _ => self.limits.iter().find(|(limited, _)| *limited == ability).map(|(_, why)| *why),
        }
    }
}

/// What not every server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Hold WebSockets open without keeping everybody else waiting for good.
    WebSockets,
    /// Pass on each part of an answer when the app has it.
    Streams,
    /// Take a URL of more than 64 KiB, where nginx was told to let it through.
    LongUrls,
    /// Take thousands of headers, where nginx was told to let them through.
    ManyHeaders,
    /// Take, and hand on, a header of more than 64 KiB, where nginx was told to let it through.
    LongHeaders,
}

/// The server's name.
impl fmt::Debug for WsgiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The server that runs when nobody chose one. Python's own calls WSGI apps, and needs no package.
pub(crate) fn default(interface: Interface) -> &'static WsgiServer {
    match interface {
        Interface::Wsgi => &WSGIREF,
        Interface::Asgi => &UVICORN,
    }
}

/// The server of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static WsgiServer> {
    let name = name.trim();
    SERVERS.iter().find(|server| server.name == name)
}

/// The name that was probably meant by a mistyped one.
pub(crate) fn closest(name: &str) -> Option<&'static str> {
    // Two neighbouring letters exchanged, one wrong, one missing: about 0.9. Another word: 0.6.
    const ALIKE: f64 = 0.8;
    let name = name.trim().to_lowercase();
    SERVERS
        .iter()
        .map(|server| (strsim::jaro_winkler(&name, server.name), server.name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A package that a server needs, in versions that are known to work with our launchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The package's name.
    pub name: &'static str,
    /// What pip is given: one line, or several of which markers choose one for each Python.
    pub lines: &'static [&'static str],
    /// The oldest version that our launchers work with, for apps that choose one themselves.
    pub oldest: Version,
    /// Whether the server runs without it, too: it is asked for where it is delivered compiled, and
    /// left out where it cannot be had.
    pub optional: bool,
}

/// Everything that the command of a server depends on.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The environment whose Python runs it.
    pub venv: VirtualEnv,
    /// The app's repository: working directory, and first on the import path.
    pub app_dir: Utf8PathBuf,
    /// The app's callable.
    pub entry_point: EntryPoint,
    /// How it is called, as far as that is known before it is imported.
    pub interface: Option<Interface>,
    /// Worker processes, for servers that have them.
    pub workers: u32,
    /// Listening sockets: one, or one for each worker, which accepts on that alone.
    pub sockets: u32,
    /// gunicorn's kind of worker.
    pub worker_class: WorkerClass,
    /// Threads, if somebody said how many.
    pub threads: Option<u32>,
    /// Seconds after which gunicorn ends a worker that is silent, if the Procfile says so.
    pub timeout: Option<u32>,
    /// How long running requests may take after the stop signal.
    pub drain: Duration,
    /// The gear's environment.
    pub env: GearEnv,
    /// Where the launchers' files are.
    pub launchers: Utf8PathBuf,
}

impl Launch {
    /// The command of this environment's Python in the app's repository, without arguments yet.
    fn python(&self) -> CommandSpec {
        let mut env = environment_for(&self.venv, &self.env);
        if let Some(interface) = self.interface {
            env.set(interface::ASSUMED, interface.to_string().to_lowercase());
        }
        CommandSpec::new(self.venv.python(), &env).dir(&self.app_dir)
    }

    /// As [`python`](Self::python), running the launcher of a server, with what it is told, for the app.
    fn launcher(&self, server: &str, threads: bool) -> CommandSpec {
        let threads =
            threads.then(|| ["--threads".to_owned(), self.threads.unwrap_or(THREADS).to_string()]);
        let sockets =
            (self.sockets > 1).then(|| ["--sockets".to_owned(), self.sockets.to_string()]);
        self.python()
            .arg(self.launchers.join(format!("serve_{server}.py")))
            .args(threads.into_iter().flatten())
            .args(["--workers", &self.workers.to_string(), "--drain", &self.drain_seconds()])
            .args(sockets.into_iter().flatten())
            .arg(self.entry_point.to_string())
    }

    fn drain_seconds(&self) -> String {
        self.drain.as_secs().max(1).to_string()
    }
}

#[cfg(test)]
mod tests;
