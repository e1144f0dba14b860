//! A supervisor that is killed is succeeded by those that outlive it, and nobody has to help.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::net::TcpListener;

use cart_core::process::{self, ProcessId};
use cart_core::{files, wait};
use cart_supervisor::{Change, Listen, Logging, ServiceSpec, ServiceState};
use place::{LIMIT, Place, SERVER};
use rustix::process::Signal;

fn kill(processes: &[ProcessId]) {
    processes.iter().for_each(|process| process.signal(Signal::KILL));
    for process in processes {
        assert!(process.wait_gone(LIMIT));
    }
}

/// The supervisor that is another one than `former`, with a writer or guard of its own.
fn successor(place: &Place, former: ProcessId) -> ProcessId {
    let found = wait::until(LIMIT, || {
        let [now] = place.supervisors()[..] else { return None };
        let has_heir = place.heirs().iter().any(|heir| process::parent(heir.pid) == Some(now.pid));
        (now != former && has_heir).then_some(now)
    });
    found.unwrap_or_else(|| panic!("{}", log(place)))
}

fn log(place: &Place) -> String {
    std::fs::read_to_string(place.dir.join("logs/supervisor.log")).unwrap()
}

/// Waits until the service answers.
fn answers(place: &Place, body: &str) {
    let answer = || {
        let runs = matches!(place.status().state, ServiceState::Running(_));
        (runs && place.socket().exists() && place.ask() == body).then_some(())
    };
    assert!(wait::until(LIMIT, answer).is_some(), "{}", log(place));
}

/// One that logs itself, so that no writer of ours stands by.
fn unwritten(place: &Place, body: &str) -> ServiceSpec {
    ServiceSpec { logging: Logging::default(), ..place.answering(body) }
}

/// Nothing of this place runs.
fn nobody(place: &Place) -> bool {
    let gone = || {
        // In this order: whoever is to succeed is gone when there is a successor.
        let ours = [place.heirs(), place.supervisors(), place.supervisor().strays()];
        ours.iter().all(Vec::is_empty).then_some(())
    };
    wait::until(LIMIT, gone).is_some()
}

#[test]
fn a_killed_supervisor_is_succeeded_and_what_ran_goes_on() {
    let place = Place::new();
    for spec in [place.answering("written"), unwritten(&place, "unwritten")] {
        place.client().ensure(spec.clone(), false).unwrap();
        let server = place.process();
        for _ in 0..2 {
            let former = place.supervisors()[0];
            kill(&[former]);
            successor(&place, former);
            assert_eq!(place.process(), server);
            assert_eq!(place.ask(), spec.command.args[2]);
        }
        // Whoever succeeds it looks after what it has not started itself.
        kill(&[server]);
        answers(&place, &spec.command.args[2]);
        place.client().end(&[], LIMIT).unwrap();
        assert!(nobody(&place), "{}", log(&place));
    }
}

#[test]
fn one_that_lives_brings_back_everything_that_is_killed_at_once() {
    let place = Place::new();
    for spec in [place.answering("written"), unwritten(&place, "unwritten")] {
        place.client().ensure(spec.clone(), false).unwrap();
        let body = &spec.command.args[2];
        for survivor in [Place::supervisors, Place::heirs] as [fn(&Place) -> Vec<ProcessId>; 2] {
            let (supervisor, survivors) = (place.supervisors()[0], survivor(&place));
            let mut all = [place.supervisors(), place.heirs(), vec![place.process()]].concat();
            all.retain(|process| !survivors.contains(process));
            kill(&all);
            let former = if survivors.contains(&supervisor) { all[0] } else { supervisor };
            successor(&place, former);
            answers(&place, body);
        }
        place.client().end(&[], LIMIT).unwrap();
        assert!(nobody(&place), "{}", log(&place));
    }
}

#[test]
fn a_killed_guard_is_back() {
    let place = Place::new();
    place.client().ensure(unwritten(&place, "x"), false).unwrap();
    let guard = || wait::until(LIMIT, || place.heirs().first().copied()).unwrap();
    let first = guard();
    kill(&[first]);
    assert_ne!(guard(), first);
}

#[test]
fn what_was_to_be_stopped_is_not_started_by_a_successor() {
    let place = Place::new();
    // It ends only when it is killed.
    let stubborn = format!("import signal\nsignal.signal(15, signal.SIG_IGN)\n{SERVER}");
    for own_log in [false, true] {
        let mut stubborn = place.service(&["-c", &stubborn, "old", "200"]);
        stubborn.stop.drain = 5;
        if own_log {
            stubborn.logging = Logging::default();
        }
        let client = place.client();
        client.ensure(stubborn, false).unwrap();
        let (server, supervisor) = (place.process(), place.supervisors()[0]);
        supervisor.signal(Signal::TERM);
        let stopping = || client.status().unwrap().is_empty().then_some(());
        assert!(wait::until(LIMIT, stopping).is_some());
        assert!(server.is_alive(), "the end is over before the supervisor is killed");
        kill(&[supervisor]);
        assert!(nobody(&place), "{}", log(&place));
        assert!(!server.is_alive(), "{}", log(&place));
        assert!(place.supervisor().find_or_take_over().unwrap().is_none());
    }
}

#[test]
fn a_hook_and_an_heir_that_start_one_at_the_same_time_start_one() {
    let place = Place::new();
    place.client().ensure(place.answering("here"), false).unwrap();
    let server = place.process();
    for _ in 0..5 {
        place.supervisors()[0].signal(Signal::KILL);
        place.client().status().unwrap();
        assert_eq!(place.process(), server);
        let one = || (place.supervisors().len() == 1).then_some(());
        assert!(wait::until(LIMIT, one).is_some(), "{}", log(&place));
    }
    place.client().end(&[], LIMIT).unwrap();
    assert!(nobody(&place), "{}", log(&place));
}

#[test]
fn a_stopped_supervisor_goes_on_when_it_is_asked_something() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("here"), false).unwrap();
    let stop = || place.supervisors()[0].signal(Signal::STOP);
    stop();
    assert_eq!(client.status().unwrap().len(), 1);
    stop();
    assert_eq!(place.client().ensure(place.answering("new"), false).unwrap(), Change::Replaced);
    stop();
    client.end(&[], LIMIT).unwrap();
    assert!(nobody(&place), "{}", log(&place));
}

#[test]
fn a_stopped_service_ends_when_it_is_told_to() {
    let place = Place::new();
    let client = place.client();
    let mut spec = place.answering("here");
    // The limit of the test would be over.
    spec.stop.drain = 600;
    client.ensure(spec, false).unwrap();
    place.process().signal(Signal::STOP);
    client.end(&[], LIMIT).unwrap();
}

#[test]
fn a_supervisor_whose_directory_was_removed_is_reached_and_goes_on() {
    let place = Place::new();
    place.client().ensure(place.answering("here"), false).unwrap();
    let (supervisor, server) = (place.supervisors()[0], place.process());
    std::fs::remove_dir_all(place.dir.join("run")).unwrap();
    let client = place.supervisor().reach().unwrap().unwrap();
    assert_eq!(client.status().unwrap()[0].state, ServiceState::Running(server));
    assert_eq!(place.supervisors(), [supervisor]);
    // Nobody finds its socket any more.
    assert_eq!(client.ensure(place.answering("here"), false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "here");
    kill(&[supervisor]);
    successor(&place, supervisor);
    // It prints into a pipe without a name.
    answers(&place, "here");
    std::fs::remove_dir_all(place.dir.join("run")).unwrap();
    place.supervisor().reach().unwrap().unwrap().end(&[], LIMIT).unwrap();
    assert!(nobody(&place), "{}", log(&place));
}

#[test]
fn what_no_record_names_is_found_and_ended() {
    let place = Place::new();
    for record in [&b""[..], b"{ broken"] {
        place.client().ensure(place.answering("here"), false).unwrap();
        let server = place.process();
        place.kill_ours();
        files::write_atomic(&place.dir.join("run/supervisor.json"), record, 0o600).unwrap();
        let supervisor = place.supervisor();
        assert!(supervisor.left_something_running());
        assert_eq!(supervisor.strays(), [server]);
        assert!(supervisor.find_or_take_over().unwrap().is_none());
        assert!(supervisor.end_strays(LIMIT));
        assert!(!server.is_alive() && !supervisor.left_something_running());
    }
}

#[test]
fn directories_where_files_stood_are_no_obstacle() {
    let place = Place::new();
    let run = place.dir.join("run");
    for name in ["supervisor.sock", "app.sock", "app.1.sock", "app.fifo", "supervisor.json"] {
        std::fs::create_dir_all(run.join(name).join("deep")).unwrap();
    }
    place.client().ensure(place.answering("here"), false).unwrap();
    assert_eq!(place.ask(), "here");
    let former = place.supervisors()[0];
    kill(&[former]);
    successor(&place, former);
    answers(&place, "here");
}

#[test]
fn a_port_that_workers_of_a_killed_master_hold_is_free_for_the_next() {
    const FORKS: &str = "
import os, signal, socket, sys
s = socket.socket(fileno=3)
s.setblocking(True)
if os.fork():
    signal.pause()
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n%d' % os.getppid())
    c.close()
";
    let place = Place::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut spec = place.service(&["-c", FORKS]);
    spec.listen = vec![Listen::Tcp(address)];
    place.client().ensure(spec, false).unwrap();
    let (former, master) = (place.supervisors()[0], place.process());
    kill(&[former]);
    successor(&place, former);
    kill(&[master]);
    let again = wait::until(LIMIT, || match place.status().state {
        ServiceState::Running(process) => Some(process).filter(|process| *process != master),
        _ => None,
    });
    assert!(again.is_some(), "{}", log(&place));
    assert!(!log(&place).contains("could not be started"), "{}", log(&place));
}
