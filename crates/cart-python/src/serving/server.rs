//! The servers that can run an app: what each needs installed, and how it is started.
//!
//! To add one, write a file beside the others in `backends` and a line into [`SERVERS`].

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
    cheroot, custom, gevent, granian, gunicorn, hypercorn, tornado, uvicorn, uwsgi, waitress,
    wsgiref,
};

/// Every server, the default first.
#[rustfmt::skip]
pub const SERVERS: &[&dyn WsgiServer] = &[
    &wsgiref::Wsgiref,
    &gevent::Gevent,
    &gunicorn::Gunicorn,
    &uvicorn::Uvicorn,
    &hypercorn::Hypercorn,
    &granian::Granian,
    &waitress::Waitress,
    &cheroot::Cheroot,
    &tornado::Tornado,
    &uwsgi::Uwsgi,
    &custom::Custom,
];

/// Requests at the same time in each worker of a server that has threads, when nobody said how many.
const THREADS: u32 = 32;

/// What a swap does to the WebSockets of an ASGI app.
const AT_SWAP: &str = "goes on, and gets 1012 in the last seconds of the drain time";

/// A server of Python web apps, by WSGI (PEP 3333), as the name says, or by ASGI, or by both:
/// [`interfaces`](Self::interfaces) tells. Its methods only answer: nothing here starts a process.
pub trait WsgiServer: Sync {
    /// As people write it in `OPENSHIFT_PYTHON_SERVER`.
    fn name(&self) -> &'static str;

    /// What it is good for, in one line.
    fn description(&self) -> &'static str;

    /// The packages that it needs with this class of workers.
    fn requirements(&self, class: &WorkerClass) -> Vec<Requirement>;

    /// How it is started. The listening socket is descriptor 3 of the process; with several, those that
    /// follow, too.
    fn command(&self, launch: &Launch) -> CommandSpec;

    /// The program of the app's repository that it is, where the app serves itself; then no callable
    /// is looked for.
    fn program(&self) -> Option<&'static str> {
        None
    }

    /// How it can call an app with this class of workers.
    fn interfaces(&self, class: &WorkerClass) -> &'static [Interface] {
        let _ = class;
        &[Interface::Wsgi]
    }

    /// With which classes of workers, the best first, it calls an app so; none where it has no
    /// such classes.
    fn worker_classes(&self, interface: Interface) -> &'static [&'static str] {
        let _ = interface;
        &[]
    }

    /// Whether it has worker processes, so that their number means something.
    fn has_workers(&self) -> bool {
        true
    }

    /// Whether it has as many workers as the gear bears when nobody said how many, and not one: many
    /// apps keep what their visitors share in memory.
    fn fills_the_gear(&self) -> bool {
        false
    }

    /// How an app has WebSockets, or why it has none.
    ///
    /// # Errors
    /// The reason, in words for a table.
    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok("yes, a thread each")
    }

    /// Why it cannot do what others can, whatever is done for it: its own reason, in half a
    /// sentence for people; none if it can.
    fn cannot(&self, ability: Ability, class: &WorkerClass) -> Option<&'static str> {
        let _ = class;
        if ability == Ability::WebSockets { self.websockets().err() } else { None }
    }

    /// What becomes of an open WebSocket when its server is replaced.
    fn websocket_at_swap(&self) -> &'static str {
        "by simple-websocket, as those of ASGI apps; others are cut when the drain time is over"
    }

    /// What passes through it piece by piece.
    fn streams(&self) -> &'static str {
        "answers, bodies"
    }

    /// What it does when it is told to stop by SIGTERM, until the drain time is over.
    fn graceful_stop(&self) -> &'static str {
        "empties the backlog, finishes requests"
    }

    /// What it cannot do, with the reason, in words for a table; may be empty.
    fn shortcomings(&self) -> &'static str {
        ""
    }

    /// Whether it can call an app so, whatever that needs; one that is the app's own program calls none.
    fn can_call(&self, interface: Interface) -> bool {
        let has_classes = !self.worker_classes(interface).is_empty();
        let calls = || self.interfaces(&WorkerClass::default()).contains(&interface);
        self.program().is_none() && (has_classes || calls())
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
impl fmt::Debug for dyn WsgiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The server that runs when nobody chose one. Python's own calls WSGI apps, and needs no package.
pub(crate) fn default(interface: Interface) -> &'static dyn WsgiServer {
    match interface {
        Interface::Wsgi => &wsgiref::Wsgiref,
        Interface::Asgi => &uvicorn::Uvicorn,
    }
}

/// The server of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn WsgiServer> {
    let name = name.trim();
    SERVERS.iter().copied().find(|server| server.name() == name)
}

/// The name that was probably meant by a mistyped one.
pub(crate) fn closest(name: &str) -> Option<&'static str> {
    // Two neighbouring letters exchanged, one wrong, one missing: about 0.9. Another word: 0.6.
    const ALIKE: f64 = 0.8;
    let name = name.trim().to_lowercase();
    SERVERS
        .iter()
        .map(|server| (strsim::jaro_winkler(&name, server.name()), server.name()))
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

    /// As [`python`](Self::python), running one of our launchers, with what each of them is told and
    /// `more` options, for the app.
    fn launcher(&self, file: &str, more: &[&str]) -> CommandSpec {
        self.python()
            .arg(self.launchers.join(file))
            .args(more.iter().copied())
            .args(["--workers", &self.workers.to_string(), "--drain", &self.drain_seconds()])
            .args(self.sockets_option())
            .arg(self.entry_point.to_string())
    }

    /// As [`launcher`](Self::launcher), of a server that has threads.
    fn launcher_with_threads(&self, file: &str) -> CommandSpec {
        self.launcher(file, &["--threads", &self.threads.unwrap_or(THREADS).to_string()])
    }

    fn sockets_option(&self) -> Vec<String> {
        let several =
            (self.sockets > 1).then(|| ["--sockets".to_owned(), self.sockets.to_string()]);
        several.into_iter().flatten().collect()
    }

    fn drain_seconds(&self) -> String {
        self.drain.as_secs().max(1).to_string()
    }
}

#[cfg(test)]
mod tests;
