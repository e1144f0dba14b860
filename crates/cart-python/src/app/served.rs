//! A server of an app, from what was decided to the command that runs it; the second server, where there
//! is one, sees the same app with settings of its own.

use std::time::Duration;

use cart_core::CommandSpec;

use super::{PythonApp, PythonError};
use crate::environment::python_wish::PythonWish;
use crate::environment::virtualenv::VirtualEnv;
use crate::repository::discovery::Found;
use crate::runtime::sizing::Workers;
use crate::serving::server::choice::Chosen;
use crate::serving::server::{Launch, WsgiServer};
use crate::variables::names::{INTERFACE, STICKY, WEB_CONCURRENCY};

/// Who else than people wants each client to stay with one worker: the package behind python-socketio and
/// Flask-SocketIO, whose sessions are in the memory of the process that began them.
const WANTS_STICKY: &str = "engineio";

/// What one server runs, and which it is. Nothing was installed to find that out.
#[derive(Clone, Debug)]
pub struct Served {
    /// The app, and what decided that it is this one.
    pub found: Found,
    /// The server, and why it is that one.
    pub chosen: Chosen,
}

/// A server that is ready to be started.
#[derive(Clone, Debug)]
pub struct ReadyServer {
    /// What it runs, and why.
    pub served: Served,
    /// Its worker processes, or `None` when it has none.
    pub workers: Option<Workers>,
    /// Why each client stays with one of them, in half a sentence for people; `None` where none does.
    pub sticky: Option<String>,
    /// Everything that its command depends on.
    pub launch: Launch,
}

impl ReadyServer {
    /// The server.
    #[must_use]
    pub fn server(&self) -> &'static dyn WsgiServer {
        self.served.chosen.server
    }

    /// The command that serves the app, on as many sockets as [`sockets`](Self::sockets) says: descriptor
    /// 3 and those that follow.
    #[must_use]
    pub fn command(&self) -> CommandSpec {
        let mut command = self.server().command(&self.launch);
        if self.served.chosen.settings.interface.is_none() {
            // It may have been said of the other server's app.
            command.env.remove(INTERFACE.name);
        }
        match &self.workers {
            // What servers and apps' own settings read by themselves says the same.
            Some(workers) => command.env(WEB_CONCURRENCY.name, workers.count.to_string()),
            None => command,
        }
    }

    /// On how many sockets it serves: one for each worker, where clients stay with one.
    #[must_use]
    pub fn sockets(&self) -> u32 {
        self.launch.sockets
    }

    /// How long running requests may take after the server's stop signal.
    #[must_use]
    pub fn drain(&self) -> Duration {
        self.launch.drain
    }
}

impl PythonApp {
    /// The app as its second server sees it, if there is one: what it is to run, with settings and notes of
    /// its own.
    #[must_use]
    pub fn for_websockets(&self) -> Option<Self> {
        let second = self.settings.websocket.as_ref()?;
        let mut app = self.clone();
        app.settings = self.settings.of_second(second);
        app.below = Some(second.path.clone());
        app.places.seen = self.places.seen.join("websocketserver");
        app.places.told = app.places.seen.join("interface.json");
        Some(app)
    }

    /// The path below which it is served, where it is what the [second server](Self::for_websockets) runs.
    #[must_use]
    pub fn below(&self) -> Option<&str> {
        self.below.as_deref()
    }

    pub(super) fn serve(&self, python: &PythonWish) -> Result<Served, PythonError> {
        let found = self.find_on(python)?;
        let chosen = self.choose(Some(&found))?;
        Ok(Served { found, chosen })
    }

    pub(super) fn ready(
        &self,
        served: Served,
        venv: &VirtualEnv,
    ) -> Result<ReadyServer, PythonError> {
        let entry_point = self.locate(&served.found, || venv.import_folders())?;
        let workers = self.workers(&served.chosen);
        let count = workers.as_ref().map_or(1, |workers| workers.count);
        let sticky = (count > 1).then(|| self.sticky(venv)).flatten();
        let chosen = &served.chosen;
        let launch = Launch {
            venv: venv.clone(),
            app_dir: self.places.repo.clone(),
            entry_point,
            // Else an edit of the code, which may tell less than before, would be another command.
            interface: chosen.interface.filter(|_| chosen.is_wish()),
            workers: count,
            sockets: if sticky.is_some() { count } else { 1 },
            worker_class: chosen.settings.worker_class(),
            threads: chosen.settings.threads,
            timeout: chosen.timeout,
            drain: self.settings.drain_timeout,
            env: self.env.clone(),
            launchers: self.places.launchers.clone(),
        };
        Ok(ReadyServer { served, workers, sticky, launch })
    }

    fn sticky(&self, venv: &VirtualEnv) -> Option<String> {
        match self.settings.sticky {
            Some(wanted) => wanted.then(|| format!("{} says so", STICKY.name)),
            None => {
                let mut folders = venv.import_folders().into_iter();
                let is_there = folders.any(|folder| folder.join(WANTS_STICKY).is_dir());
                is_there.then(|| format!("{WANTS_STICKY} is installed"))
            }
        }
    }
}
