//! A real supervisor, real processes, real sockets: what a service lives through.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, files, programs, wait};
use cart_supervisor::{
    Change, Client, ClientError, Failure, Listen, Probe, ServiceSpec, ServiceState, ServiceStatus,
    Stop, StopSignal, SupervisorProcess,
};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(20);

/// Answers every request on descriptor 3 with its first argument, as HTTP; on SIGTERM it ends.
const SERVER: &str = "
import socket, sys
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.recv(65536)
    body = sys.argv[1].encode()
    c.sendall(b'HTTP/1.0 %d OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % (int(sys.argv[2]), len(body)) + body)
    c.close()
";

/// A cartridge's directory with a supervisor, which ends with it.
struct Place {
    _keep: tempfile::TempDir,
    dir: Utf8PathBuf,
    env: GearEnv,
}

impl Place {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        files::create_dir(&dir.join("run"), 0o700).unwrap();
        files::create_dir(&dir.join("logs"), 0o755).unwrap();
        Self { _keep: keep, dir, env: GearEnv::from_process() }
    }

    fn supervisor(&self) -> SupervisorProcess {
        let target = std::env::current_exe().unwrap();
        let target = Utf8Path::from_path(target.parent().unwrap().parent().unwrap()).unwrap();
        let command = CommandSpec::new(target.join("examples/supervise"), &self.env)
            .arg(self.dir.join("run"))
            .arg(self.dir.join("logs"));
        SupervisorProcess { run: self.dir.join("run"), logs: self.dir.join("logs"), command }
    }

    fn client(&self) -> Client {
        self.supervisor().find_or_start().unwrap()
    }

    fn socket(&self) -> Utf8PathBuf {
        self.dir.join("run/app.sock")
    }

    /// A service that answers `body`; `command` decides how.
    fn service(&self, args: &[&str]) -> ServiceSpec {
        let python = programs::find("python3", &self.env, &[]).unwrap();
        ServiceSpec {
            name: "app".into(),
            label: "a server for tests".into(),
            command: CommandSpec::new(python, &self.env).args(args.iter().copied()),
            listen: vec![Listen::Unix(self.socket())],
            log: self.dir.join("logs/app.log"),
            probe: Probe::Http {
                path: "/".into(),
                host: "localhost".into(),
                statuses: vec![100..=499],
            },
            start_limit: 20,
            stop: Stop { signal: StopSignal::Term, linger: 0, drain: 10 },
        }
    }

    fn answering(&self, body: &str) -> ServiceSpec {
        self.service(&["-c", SERVER, body, "200"])
    }

    fn ask(&self) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n").next().unwrap().to_owned()
    }

    fn status(&self) -> ServiceStatus {
        self.client().status().unwrap().into_iter().find(|s| s.name == "app").unwrap()
    }

    fn process(&self) -> ProcessId {
        match self.status().state {
            ServiceState::Running(process) => process,
            other => panic!("not running: {other:?}"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(Some(client)) = self.supervisor().find() {
            let _ = client.end(&[], LIMIT);
        }
    }
}

#[test]
fn the_same_service_is_left_alone_and_another_replaces_it() {
    let place = Place::new();
    let client = place.client();
    assert_eq!(client.ensure(place.answering("one"), false).unwrap(), Change::Started);
    let first = place.process();
    assert_eq!(client.ensure(place.answering("one"), false).unwrap(), Change::Unchanged);
    assert_eq!(place.process(), first);
    assert_eq!(client.ensure(place.answering("two"), false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "two");
    assert!(first.wait_gone(LIMIT), "the replaced generation still runs");
    assert_eq!(client.ensure(place.answering("two"), true).unwrap(), Change::Replaced);
    assert_eq!(place.status().generation, 3);
}

#[test]
fn a_generation_that_fails_leaves_the_old_one_serving() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("old"), false).unwrap();
    let crash = place.service(&["-c", "import sys; sys.exit('no such module')"]);
    let failure = match client.ensure(crash, false) {
        Err(ClientError::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        failure,
        Failure::Ended { status: "exit code 1".into(), last_lines: vec!["no such module".into()] }
    );
    let broken = place.service(&["-c", SERVER, "oops", "500"]);
    let failure = client.ensure(broken, false).unwrap_err();
    assert!(matches!(failure, ClientError::Failed(Failure::WrongStatus { status: 500, .. })));
    let silent =
        ServiceSpec { start_limit: 1, ..place.service(&["-c", "import signal; signal.pause()"]) };
    let failure = client.ensure(silent, false).unwrap_err();
    assert!(matches!(failure, ClientError::Failed(Failure::NoAnswer { seconds: 1, .. })));
    assert_eq!(place.ask(), "old");
    let sockets = place.dir.join("run").read_dir_utf8().unwrap().flatten();
    let sockets: Vec<String> = sockets
        .map(|e| e.file_name().to_owned())
        .filter(|n| n.starts_with("app") && n.ends_with(".sock"))
        .collect();
    assert_eq!(sockets, ["app.sock"]);
}

#[test]
fn a_killed_server_comes_back_and_no_request_is_refused_meanwhile() {
    let place = Place::new();
    place.client().ensure(place.answering("here"), false).unwrap();
    for _ in 0..3 {
        let process = place.process();
        process.signal(Signal::KILL);
        assert!(process.wait_gone(LIMIT));
        // Connecting works before the next process is up: the supervisor holds the socket.
        assert_eq!(place.ask(), "here");
    }
    assert_eq!(place.status().crashes, 3);
}

#[test]
fn a_server_that_crashes_again_is_started_again_after_a_pause() {
    let place = Place::new();
    // It answers one request, the probe, and ends.
    let once = SERVER.replace("while True:", "if True:");
    place.client().ensure(place.service(&["-c", &once, "x", "200"]), false).unwrap();
    // The first crash restarts at once, and every request it answers is its last.
    assert_eq!(place.ask(), "x");
    let crashed = wait::until(LIMIT, || (place.status().crashes >= 2).then_some(()));
    assert!(crashed.is_some());
}

#[test]
fn a_process_that_ignores_the_signal_is_killed_with_its_group_when_its_time_is_over() {
    let place = Place::new();
    let stubborn =
        format!("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVER}");
    let mut spec = place.service(&["-c", &stubborn, "mine", "200"]);
    spec.stop.drain = 1;
    let client = place.client();
    client.ensure(spec, false).unwrap();
    let process = place.process();
    client.stop(&["app"], LIMIT).unwrap();
    assert!(!process.is_alive());
    assert!(!place.socket().exists());
    assert!(client.status().unwrap().is_empty());
}

#[test]
fn the_supervisors_death_stops_nothing_and_its_successor_takes_over() {
    let place = Place::new();
    place.client().ensure(place.answering("still"), false).unwrap();
    let first = place.process();
    let pid = std::fs::read_to_string(place.dir.join("run/supervisor.pid")).unwrap();
    let supervisor = ProcessId::of(pid.trim().parse().unwrap()).unwrap();
    supervisor.signal(Signal::KILL);
    assert!(supervisor.wait_gone(LIMIT));
    assert_eq!(place.ask(), "still");

    let client = place.client();
    assert_eq!(place.process(), first);
    assert_eq!(client.ensure(place.answering("still"), false).unwrap(), Change::Unchanged);
    assert_eq!(client.ensure(place.answering("next"), false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "next");
    assert!(first.wait_gone(LIMIT), "the adopted process still runs");
}

#[test]
fn a_stale_socket_and_record_of_a_dead_supervisor_are_no_obstacle() {
    let place = Place::new();
    drop(std::os::unix::net::UnixListener::bind(place.dir.join("run/supervisor.sock")).unwrap());
    drop(std::os::unix::net::UnixListener::bind(place.socket()).unwrap());
    files::write_atomic(&place.dir.join("run/supervisor.json"), b"{ broken", 0o600).unwrap();
    place.client().ensure(place.answering("fine"), false).unwrap();
    assert_eq!(place.ask(), "fine");
}

#[test]
fn ending_leaves_no_process_and_no_socket() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("x"), false).unwrap();
    let process = place.process();
    client.end(&["app"], LIMIT).unwrap();
    assert!(!process.is_alive());
    assert!(place.supervisor().find().unwrap().is_none());
    let left = wait::until(LIMIT, || {
        let names: Vec<String> = place
            .dir
            .join("run")
            .read_dir_utf8()
            .unwrap()
            .flatten()
            .map(|e| e.file_name().to_owned())
            .filter(|n| n != "supervisor.pid")
            .collect();
        names.is_empty().then_some(())
    });
    assert!(left.is_some(), "files are left in run/");
}
