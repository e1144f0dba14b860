//! A real supervisor, real processes, real sockets: what a service lives through.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::os::unix::net::UnixStream;

use cart_core::unix_sockets::{Connections, connections};
use cart_core::{files, wait};
use cart_supervisor::{Change, ClientError, Failure, Listen, ServiceSpec, ServiceState};
use place::{LIMIT, Place, SERVER};
use rustix::process::Signal;

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
fn a_service_that_is_not_wanted_any_more_goes_alone() {
    let place = Place::new();
    let client = place.client();
    let beside = ServiceSpec {
        name: "beside".into(),
        listen: vec![Listen::Unix(place.dir.join("run/beside.sock"))],
        ..place.answering("beside")
    };
    assert!(!client.retire("beside").unwrap());
    client.ensure(place.answering("one"), false).unwrap();
    client.ensure(beside, false).unwrap();
    let both = client.status().unwrap();
    let Some(ServiceState::Running(process)) =
        both.iter().find(|s| s.name == "beside").map(|s| s.state.clone())
    else {
        panic!("{both:?}");
    };
    assert!(client.retire("beside").unwrap());
    assert!(process.wait_gone(LIMIT));
    assert!(!client.retire("beside").unwrap());
    let left: Vec<String> = client.status().unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(left, ["app"]);
    assert_eq!(place.ask(), "one");
    let gone = || (!place.dir.join("run/beside.sock").exists()).then_some(());
    assert!(wait::until(LIMIT, gone).is_some());
}

/// Accepts one connection and no other.
const BUSY: &str = "
import socket, time
s = socket.socket(fileno=3)
c, _ = s.accept()
c.recv(65536)
c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')
c.close()
c, _ = s.accept()
time.sleep(3600)
";

#[test]
fn who_waits_for_a_generation_is_known_to_the_kernel_by_its_sockets_names() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("one"), false).unwrap();
    client.ensure(place.service(&["-c", BUSY]), false).unwrap();
    let names = place.status().socket_names();
    let clients: Vec<UnixStream> =
        (0..3).map(|_| UnixStream::connect(place.socket()).unwrap()).collect();
    let seen = || {
        let Connections { waiting, accepted, .. } = connections(&names).unwrap();
        ((waiting, accepted) == (2, 1)).then_some(())
    };
    assert!(wait::until(LIMIT, seen).is_some(), "{:?}", connections(&names));
    drop(clients);
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
fn a_server_that_dies_of_the_probe_is_told_with_what_killed_it() {
    let place = Place::new();
    let dying =
        SERVER.replace("c.recv(65536)", "c.recv(65536); import os; os.kill(os.getpid(), 9)");
    let failure = place.client().ensure(place.service(&["-c", &dying, "x", "200"]), false);
    let Err(ClientError::Failed(Failure::Ended { status, .. })) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(status, "signal 9");
}

#[test]
fn a_replaced_generation_serves_on_after_the_supervisors_death() {
    let place = Place::new();
    let client = place.client();
    let mut spec = place.answering("old");
    spec.stop.linger = 60;
    client.ensure(spec, false).unwrap();
    let old = place.process();
    client.ensure(place.answering("new"), false).unwrap();
    let supervisor = place.supervisor_process();
    supervisor.signal(Signal::KILL);
    assert!(supervisor.wait_gone(LIMIT));

    // The successor has done all that it does at once when it answers a second time.
    let client = place.client();
    client.status().unwrap();
    client.status().unwrap();
    let said = std::fs::read_to_string(place.dir.join("logs/supervisor.log")).unwrap();
    assert!(!said.contains("asked to end"), "{said}");
    assert!(old.is_alive());
    assert_eq!(place.ask(), "new");
    client.end(&[], LIMIT).unwrap();
    assert!(!old.is_alive());
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
    client.end(&["app"], LIMIT).unwrap();
    assert!(!process.is_alive());
    assert!(!place.socket().exists());
}

#[test]
fn the_supervisors_death_stops_nothing_and_its_successor_takes_over() {
    let place = Place::new();
    place.client().ensure(place.answering("still"), false).unwrap();
    let first = place.process();
    let supervisor = place.supervisor_process();
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

#[test]
fn a_start_that_waits_for_an_end_of_everything_is_done_after_it() {
    let place = Place::new();
    let client = place.client();
    // It ends only when it is killed.
    let stubborn = format!("import signal\nsignal.signal(15, signal.SIG_IGN)\n{SERVER}");
    let mut stubborn = place.service(&["-c", &stubborn, "old", "200"]);
    stubborn.stop.drain = 5;
    client.ensure(stubborn, false).unwrap();
    let old = place.process();
    // As a hook that asked for the end and was killed since: nobody waits for the answer.
    place.supervisor_process().signal(Signal::TERM);
    wait::until(LIMIT, || client.status().unwrap().is_empty().then_some(())).unwrap();
    assert!(old.is_alive(), "the end is over before the start is asked for");
    assert_eq!(client.ensure(place.answering("new"), false).unwrap(), Change::Started);
    assert!(!old.is_alive());
    assert_eq!(place.ask(), "new");
    client.end(&[], LIMIT).unwrap();
    assert!(!place.supervisor().left_something_running());
}

#[test]
fn one_that_does_not_answer_is_asked_where_it_stands_until_it_says_so() {
    let place = Place::new();
    let code = "
import os, signal
signal.signal(23, lambda *a: %s)
signal.signal(16, lambda *a: os.write(2, b'stands here\\n'))
while True: signal.pause()
";
    for first in ["os.write(2, b'stands there\\n')", "None"] {
        let silent = ServiceSpec {
            start_limit: 6,
            asked_where: vec![23, 16, 12],
            ..place.service(&["-c", &code.replace("%s", first)])
        };
        let Err(ClientError::Failed(Failure::NoAnswer { last_lines, .. })) =
            place.client().ensure(silent, false)
        else {
            panic!("it cannot have started");
        };
        let expected = if first == "None" { "stands here" } else { "stands there" };
        assert_eq!(last_lines, [expected]);
    }
}

#[test]
fn of_several_processes_one_after_the_other_is_asked_where_it_stands() {
    let place = Place::new();
    // In pieces, as what dumps stacks from C writes.
    let code = "
import os, signal, time
def say(*_):
    os.write(2, b'stands ')
    time.sleep(0.01)
    os.write(2, b'here\\n')
signal.signal(16, say)
os.fork()
while True: signal.pause()
";
    let silent =
        ServiceSpec { start_limit: 6, asked_where: vec![16], ..place.service(&["-c", code]) };
    let failed = place.client().ensure(silent, false);
    let Err(ClientError::Failed(Failure::NoAnswer { last_lines, .. })) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(last_lines, ["stands here", "stands here"]);
}
