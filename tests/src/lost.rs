//! What clients notice of a change: a load before, during and after it, and a count of what was
//! lost. `cargo xtask lost` prints it as a table; a short run is an integration test.

mod scenario;
mod table;

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::wait;
use cart_python::server::Ability;
use cart_test::{CLIENTS, Load, OpenSocket, Outcome, Rate, SocketReport, Tally, TestGear};
use tempfile::TempDir;

use crate::cartridge::{self, SERVER, example, fixture};
use crate::processes;
use crate::way::{self, Way};
pub use scenario::{Promise, SCENARIOS, Scenario, by_name};
pub use table::{details, headings, line};

/// How long the load goes on after a change at least: a replaced server serves on for five
/// seconds and is told to end then, and what is lost at its end counts.
pub const AFTERWARDS: Duration = Duration::from_secs(8);

/// How long a change may take, the installation of packages included.
const LIMIT: Duration = Duration::from_secs(120);
/// Seconds that a WebSocket may keep a replaced server: longer than the load goes on, so that one
/// that is cut during it was cut too early.
const DRAIN: &str = "60";
/// Seconds until a server that hangs has failed.
const START_TIMEOUT: &str = "3";

/// A gear with an app that gives numbers back, and what a scenario needs to know of it.
#[derive(Debug)]
pub struct Stage {
    gear: TestGear,
    server: &'static str,
    app: Utf8PathBuf,
    start: Duration,
    _place: TempDir,
}

/// What came of one scenario on one server.
#[derive(Debug)]
pub struct Row {
    /// What was changed.
    pub scenario: &'static Scenario,
    /// The server before the change.
    pub server: &'static str,
    /// How much was asked meanwhile.
    pub rate: Rate,
    /// How long the change took.
    pub took: Duration,
    /// What clients got.
    pub tally: Tally,
    /// What became of the WebSocket that was open all the time, if the server has any.
    pub socket: Option<SocketReport>,
    /// How long a restart takes without a load: a server's own start, and a little more.
    pub start: Duration,
    /// What the change itself did wrong.
    pub failure: Option<String>,
}

/// What is promised on a machine that has nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(1);

impl Row {
    /// Whether clients noticed no more of the change than they may, `patience` beside the time that a start takes
    /// where nobody serves for a while.
    #[must_use]
    pub fn kept(&self, patience: Duration) -> bool {
        let is_soon_back = self.tally.longest_gap <= patience + self.start;
        let kept = match self.scenario.promise {
            Promise::NothingLost => {
                let is_open = self.socket.as_ref().is_none_or(|socket| socket.cut.is_none());
                self.tally.lost() == 0 && is_open
            }
            Promise::NoGetLost => {
                let in_hand = self.tally.lost() <= CLIENTS;
                self.tally.lost_gets() == 0 && in_hand && is_soon_back
            }
            Promise::ServesAgain => is_soon_back,
            Promise::Ends => true,
        };
        kept && self.failure.is_none()
    }
}

impl Stage {
    /// A gear of `cartridge` on which `server` serves the app.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn new(cartridge: &Utf8Path, server: &'static str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(place.path()).unwrap().to_owned();
        for file in [fixture("sequence").join("app.py"), example("welcome").join("echo_socket.py")]
        {
            std::fs::copy(&file, app.join(file.file_name().unwrap())).unwrap();
        }
        let way = way(server);
        let variables: Vec<_> = [(SERVER, server), ("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", DRAIN)]
            .into_iter()
            .chain(way.variables.iter().copied())
            .collect();
        way.bring_to(&app);
        let program = cartridge::gear(cartridge);
        let gear = TestGear::kept(cartridge, "3", &variables, &app, &program);
        let begin = Instant::now();
        gear.control("restart").done();
        let start = begin.elapsed();
        let stage = Self { gear, server, app, start, _place: place };
        stage.settle();
        stage
    }

    /// Plays a scenario under load, which begins a second before the change and goes on for
    /// `afterwards`.
    ///
    /// # Panics
    /// When the WebSocket cannot be opened before it.
    #[must_use]
    pub fn play(&self, scenario: &'static Scenario, rate: Rate, afterwards: Duration) -> Row {
        let address = self.gear.address();
        let has_websockets = way(self.server).cannot(Ability::WebSockets).is_none();
        let socket = has_websockets.then(|| OpenSocket::open(address, "/ws"));
        let load = Load::start(address, rate);
        pass(Duration::from_secs(1));
        let begin = Instant::now();
        let failure = (scenario.change)(self).err();
        let took = begin.elapsed();
        pass(afterwards);
        let failure = failure.or_else(|| self.not_answering(&load));
        let tally = load.finish();
        let socket = socket.map(OpenSocket::close);
        let (server, start) = (self.server, self.start);
        Row { scenario, server, rate, took, tally, socket, start, failure }
    }

    /// Puts code and variables as they were, and waits until nothing of former generations is
    /// left: its end belongs to no other scenario.
    ///
    /// # Panics
    /// When that cannot be done: nothing that follows would mean anything.
    pub fn restore(&self) {
        let code = self.code();
        let deployed = self.gear.gear().layout().deployments().join("current/repo/app.py");
        if std::fs::read_to_string(deployed).unwrap() != code {
            self.push(&code).done();
        }
        self.gear.write("app.py", &code);
        let _ = std::fs::remove_file(self.gear.repo().join("nginx.conf.erb"));
        self.gear.set(SERVER, self.server);
        for name in ["OPENSHIFT_PYTHON_START_TIMEOUT", "OPENSHIFT_PYTHON_WORKERS", "GREETING"] {
            self.gear.set(name, "");
        }
        self.gear.control("restart").done();
        self.settle();
    }

    /// Waits until only one generation is left: what is killed must be what serves.
    fn settle(&self) {
        assert!(processes::settled(&self.gear, LIMIT), "old generations do not end");
    }

    /// The code of the app as it is when a scenario begins.
    fn code(&self) -> String {
        std::fs::read_to_string(self.app.join("app.py")).unwrap()
    }

    /// Pushes the app with other code.
    fn push(&self, code: &str) -> Outcome {
        let place = tempfile::tempdir().unwrap();
        let changed = Utf8Path::from_path(place.path()).unwrap();
        for entry in self.app.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), changed.join(entry.file_name())).unwrap();
        }
        cart_core::files::write_atomic(&changed.join("app.py"), code.as_bytes(), 0o644).unwrap();
        self.gear.push(changed)
    }

    fn not_answering(&self, load: &Load) -> Option<String> {
        let before = load.answered();
        let again = wait::until(LIMIT, || (load.answered() > before).then_some(()));
        again.is_none().then(|| self.gear.control("status").text)
    }
}

fn way(server: &str) -> &'static Way {
    way::by_name(server).expect("every server is a way to serve an app")
}

/// Lets time pass: a load's time is its measure.
pub fn pass(time: Duration) {
    let _ = wait::until(time, || None::<()>);
}
