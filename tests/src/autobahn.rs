//! Whether a WebSocket keeps to its protocol (RFC 6455) through nginx on every server: Autobahn's cases
//! against the example `websocket-echo`. `cargo xtask autobahn` plays them, a short form is an
//! integration test.
//!
//! Autobahn's own program needs Python 2; kosoku, from PyPI, plays the same cases.

use std::sync::LazyLock;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::run;
use cart_python::interface::Interface;
use cart_python::server::Ability;
use cart_test::TestGear;
use serde_json::Value;
use tempfile::TempDir;

use crate::cartridge::{SERVER, example};
use crate::pypi::Installed;
use crate::way::{WAYS, Way};

/// An exact version, so that the same cases are played everywhere.
const KOSOKU: &str = "kosoku==0.1.0";
/// How long all cases may take.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// As long as Autobahn's longest message.
const MOST_BYTES: &str = "16777216";
/// As many as there are frames in Autobahn's longest message: the package websockets takes 4,096
/// where it puts messages together itself, for old versions of uvicorn, and has this variable.
const MOST_FRAMES: (&str, &str) = ("WEBSOCKETS_MAX_FRAGMENTS", "65536");

/// The cases with compression: the echo leaves that to pure Python, and they take tens of minutes on
/// each server.
pub const COMPRESSION: &[&str] = &["12.*", "13.*"];
/// A few of each kind, 66 in all: echoes, pings, reserved bits, all fragmentation, UTF-8, goodbyes.
pub const FEW: &[&str] =
    &["1.1.*", "1.2.*", "2.*", "3.*", "5.*", "6.4.*", "7.1.*", "9.7.1", "10.*"];

/// Which cases are played: patterns such as `5.*`.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// These; none is all.
    pub only: Vec<String>,
    /// But not these.
    pub without: Vec<String>,
    /// How many at a time.
    pub parallel: u32,
}

/// What came of the cases on one server.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How many were played.
    pub played: usize,
    /// Those that failed, each in a line.
    pub failed: Vec<String>,
}

/// A gear on which the echo runs.
#[derive(Debug)]
pub struct Stage {
    gear: TestGear,
    _place: TempDir,
}

/// The ways to serve an app that has WebSockets of which we answer for.
pub fn ways() -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| not_ours(way).is_none())
}

/// Why the protocol is not ours to keep in this way, if it is not.
#[must_use]
pub fn not_ours(way: &Way) -> Option<String> {
    let brings_its_own = way.interface() == Interface::Asgi && way.server == "gunicorn";
    let class = way.settings().worker_class();
    let theirs = || brings_its_own.then(|| format!("{} speaks it, not we", class.as_str()));
    way.cannot(Ability::WebSockets).or_else(theirs)
}

impl Stage {
    /// A gear of `cartridge` on which the echo runs in this way.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn new(cartridge: &Utf8Path, way: &Way) -> Self {
        let place = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(place.path()).unwrap().to_owned();
        let echo = example("websocket-echo");
        for file in ["app.py", "page.html"] {
            std::fs::copy(echo.join(file), app.join(file)).unwrap();
        }
        let requirements = std::fs::read_to_string(echo.join("requirements.txt")).unwrap();
        let file = app.join("requirements.txt");
        cart_core::files::write_atomic(&file, requirements.as_bytes(), 0o644).unwrap();
        way.bring_to(&app);
        let mut variables =
            vec![(SERVER, way.server), ("ECHO_MOST_BYTES", MOST_BYTES), MOST_FRAMES];
        variables.extend(way.variables);
        let mut gear = TestGear::new(cartridge, "3", &variables);
        gear.deploy(&app).done();
        Self { gear, _place: place }
    }

    /// Plays the cases through nginx.
    ///
    /// # Panics
    /// When they could not be played.
    #[must_use]
    pub fn play(&self, cases: &Cases) -> Verdict {
        let report = tempfile::tempdir().unwrap();
        let report = Utf8Path::from_path(report.path()).unwrap();
        let url = format!("ws://{}/echo", self.gear.address());
        let mut command = KOSOKU_PROGRAM
            .command("kosoku")
            .args(["--parallelism", &cases.parallel.max(1).to_string()])
            .args(["--outdir", report.as_str()]);
        for (option, patterns) in [("--include", &cases.only), ("--exclude", &cases.without)] {
            command = command.args(patterns.iter().flat_map(|pattern| [option, pattern]));
        }
        // It ends with 1 when a case failed; what counts is the report.
        let output = run::output(&command.arg(&url), LIMIT).unwrap();
        let index = std::fs::read(report.join("index.json"));
        let index = index.unwrap_or_else(|e| panic!("no report ({e}): {}", output.stderr_text()));
        let index: Value = serde_json::from_slice(&index).unwrap();
        let failures = output.stderr_text();
        let failed: Vec<String> = cases_of(&index)
            .filter(|(_, case)| !passed(&case["behavior"]) || !passed(&case["behaviorClose"]))
            .map(|(name, case)| {
                let said =
                    failures.lines().find(|line| line.trim().starts_with(&format!("{name}:")));
                said.map_or_else(|| format!("{name}: {case}"), |line| line.trim().to_owned())
            })
            .collect();
        let played = cases_of(&index).count();
        // Its own count must be ours.
        assert_eq!(output.status.success(), failed.is_empty(), "{failures}\n{failed:?}");
        Verdict { played, failed }
    }
}

/// The report has the cases below the name of the server in its answer.
fn cases_of(index: &Value) -> impl Iterator<Item = (&String, &Value)> {
    index.as_object().into_iter().flatten().filter_map(|(_, cases)| cases.as_object()).flatten()
}

fn passed(behaviour: &Value) -> bool {
    matches!(behaviour.as_str(), Some("OK" | "NON-STRICT" | "INFORMATIONAL"))
}

static KOSOKU_PROGRAM: LazyLock<Installed> =
    LazyLock::new(|| Installed::of(KOSOKU, &["--no-deps"]));
