//! A gear with the suite's app, and what checks do with it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{files, process, wait};
use cart_test::{Answer, Load, Rate, Tally, TestGear, get};
use tempfile::TempDir;

use crate::cartridge::{SERVER, example, fixture};
use crate::processes;
use crate::way::Way;

/// How long anything may take on a busy machine; nothing that is right needs it.
pub(super) const LIMIT: Duration = Duration::from_secs(90);
/// Worker processes, where a server has them.
pub(super) const WORKERS: usize = 2;
pub(super) const MEGABYTE: usize = 1024 * 1024;
/// The longest body.
pub(super) const MOST_BODY: usize = 64 * MEGABYTE;

/// As wide as they go, so that what a server does not take is the server's fault.
const VARIABLES: &[(&str, &str)] = &[
    ("OPENSHIFT_PYTHON_WORKERS", "2"),
    ("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "60"),
    ("OPENSHIFT_NGINX_MAX_LINE_SIZE", "1m"),
    ("OPENSHIFT_NGINX_MAX_HEAD_SIZE", "1m"),
    ("OPENSHIFT_NGINX_MAX_HEADERS", "10000"),
    ("OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE", "1m"),
    ("OPENSHIFT_NGINX_MAX_BODY_SIZE", "64m"),
    ("GREETING", "good day"),
];

/// A gear on which the app runs in one way.
#[derive(Debug)]
pub struct Stage {
    pub(super) gear: TestGear,
    pub(super) way: &'static Way,
    pub(super) cartridge: Utf8PathBuf,
    _place: TempDir,
}

impl Stage {
    /// A gear of `cartridge` on which the app runs in this way.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn new(cartridge: &Utf8Path, way: &'static Way) -> Self {
        let place = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(place.path()).unwrap();
        let own = fixture("conformance").read_dir_utf8().unwrap();
        let own = own.map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
        for file in own.chain([example("welcome").join("echo_socket.py")]) {
            std::fs::copy(&file, app.join(file.file_name().unwrap())).unwrap();
        }
        way.bring_to(app);
        let mut variables = vec![(SERVER, way.server)];
        variables.extend(VARIABLES);
        variables.extend(way.variables);
        let mut gear = TestGear::new(cartridge, "3", &variables);
        gear.deploy(app).done();
        Self { gear, way, cartridge: cartridge.to_owned(), _place: place }
    }

    /// Where it is reached.
    pub(super) fn address(&self) -> SocketAddr {
        self.gear.address()
    }

    /// Asks for a page, which must be there.
    #[track_caller]
    pub(super) fn page(&self, path: &str) -> String {
        let answer = get(self.address(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// What the app and its server said.
    pub(super) fn log(&self) -> String {
        self.gear.log("appserver.log")
    }

    /// Waits until the log says this.
    #[track_caller]
    pub(super) fn says(&self, words: &str) {
        let said = || self.log().contains(words).then_some(());
        assert!(wait::until(LIMIT, said).is_some(), "{words:?} is not in\n{}", self.log());
    }

    /// Waits until the supervisor's log has a line with all of these words.
    #[track_caller]
    pub(super) fn supervisor_says(&self, words: &[&str]) {
        let log = || self.gear.log("supervisor.log");
        let said = || log().lines().any(|l| words.iter().all(|w| l.contains(w))).then_some(());
        assert!(wait::until(LIMIT, said).is_some(), "{words:?} is in no line of\n{}", log());
    }

    /// A file by which the app and a check tell each other where they are.
    pub(super) fn mark(&self, name: &str) -> Utf8PathBuf {
        self.gear.gear().layout().data().join(name)
    }

    pub(super) fn set_mark(&self, name: &str) {
        files::write_atomic(&self.mark(name), b"", 0o644).unwrap();
    }

    pub(super) fn clear_marks(&self) {
        for name in ["begun", "go-on"] {
            files::remove_if_exists(&self.mark(name)).unwrap();
        }
    }

    /// Asks for `path`, which waits for somebody to say that it may go on, and does `meanwhile` as
    /// soon as the app is in it. What came of the request in the end.
    #[track_caller]
    pub(super) fn during(&self, path: &str, meanwhile: impl FnOnce()) -> Answer {
        self.clear_marks();
        let address = self.address();
        std::thread::scope(|scope| {
            let asked = scope.spawn(move || get(address, path));
            let begun = wait::until(LIMIT, || self.mark("begun").exists().then_some(()));
            // It must end, also when the check fails.
            let end = GoOn(self);
            assert!(begun.is_some(), "{path} does not reach the app");
            meanwhile();
            drop(end);
            asked.join().unwrap()
        })
    }

    /// Does `change` under load, and waits until nothing of former generations is left: what they
    /// lose at their end counts.
    pub(super) fn under_load(&self, change: impl FnOnce()) -> Tally {
        let load = Load::start(self.address(), Rate::PerSecond(200));
        let more = |load: &Load| {
            let before = load.answered();
            let more = wait::until(LIMIT, || (load.answered() > before + 50).then_some(()));
            assert!(more.is_some(), "nobody answers: {}", self.gear.control("status").text);
        };
        more(&load);
        change();
        self.settle();
        more(&load);
        load.finish()
    }

    /// Waits until only one generation is left.
    #[track_caller]
    pub(super) fn settle(&self) {
        assert!(processes::settled(&self.gear, LIMIT), "old generations do not end");
    }

    /// The main process of the server.
    pub(super) fn main(&self) -> ProcessId {
        processes::server(&self.gear)
    }

    /// How many worker processes it is to have; none where it is one process.
    pub(super) fn expected_workers(&self) -> usize {
        if self.way.backend().has_workers() { WORKERS } else { 0 }
    }

    /// Its worker processes, all of which are waited for.
    #[track_caller]
    pub(super) fn workers(&self) -> Vec<ProcessId> {
        let expected = self.expected_workers();
        let children = || process::children(self.main().pid).into_iter().filter_map(ProcessId::of);
        let all = || Some(children().collect::<Vec<_>>()).filter(|w| w.len() == expected);
        let all = wait::until(LIMIT, all);
        all.unwrap_or_else(|| panic!("{expected} workers, and not {:?}", children().count()))
    }
}

/// Lets the app go on when it goes out of scope.
struct GoOn<'a>(&'a Stage);

impl Drop for GoOn<'_> {
    fn drop(&mut self) {
        self.0.set_mark("go-on");
    }
}

/// A connection on which the other side has some time to answer.
pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends this and reads until `end` has come.
#[track_caller]
pub(super) fn read_until(stream: &mut TcpStream, sent: &str, end: &str) -> String {
    stream.write_all(sent.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(end) {
        let count = stream.read(&mut buffer).unwrap_or(0);
        assert!(count > 0, "{end:?} is not in {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}
