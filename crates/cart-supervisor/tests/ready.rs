//! `run/ready` is there while everything serves and nobody has said that the end is near.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8PathBuf;
use cart_core::{CartridgeDir, files, wait};
use cart_supervisor::{Change, ClientError, ServiceSpec, ServiceState};
use place::{LIMIT, Place, SERVER};
use rustix::process::Signal;

fn file(place: &Place) -> Utf8PathBuf {
    CartridgeDir::new(place.dir.clone()).ready_file()
}

/// Waits until the file is there, or is not.
fn becomes(place: &Place, ready: bool) {
    let told = wait::until(LIMIT, || (file(place).exists() == ready).then_some(()));
    let log = || std::fs::read_to_string(place.dir.join("logs/supervisor.log")).unwrap();
    assert!(told.is_some(), "ready is not {ready}: {}", log());
}

/// As the usual server, but it ends at once while `broken` is there, and answers nobody while `held` is.
fn fragile(place: &Place) -> ServiceSpec {
    let script = format!(
        "import os, time\nif os.path.exists('{0}/broken'): os._exit(3)\n\
         while os.path.exists('{0}/held'): time.sleep(0.01)\n{SERVER}",
        place.dir
    );
    place.service(&["-c", &script, "it", "200"])
}

fn kill_supervisor(place: &Place) {
    let former = place.supervisors()[0];
    former.signal(Signal::KILL);
    assert!(former.wait_gone(LIMIT));
    let next = || place.supervisors().into_iter().find(|now| *now != former);
    assert!(wait::until(LIMIT, next).is_some());
}

#[test]
fn it_is_there_when_a_start_is_done_and_gone_when_a_stop_begins() {
    let place = Place::new();
    files::write_atomic(&file(&place), b"of a boot before", 0o600).unwrap();
    let client = place.client();
    assert!(client.status().unwrap().is_empty());
    assert!(!file(&place).exists());
    client.ensure(place.answering("it"), false).unwrap();
    assert!(file(&place).exists());
    let bad = place.service(&["-c", "raise SystemExit(3)"]);
    client.ensure(bad, true).unwrap_err();
    assert!(file(&place).exists(), "what served still does");
    client.end(&[], LIMIT).unwrap();
    assert!(!file(&place).exists());
}

#[test]
fn a_restart_never_takes_it_away() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("0"), false).unwrap();
    let (path, done) = (file(&place), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = 0_u64;
            while !done.load(Ordering::Relaxed) {
                assert!(path.exists(), "after {looks} looks");
                looks += 1;
            }
            looks
        });
        for body in ["1", "2", "3", "4", "5"] {
            let change = client.ensure(place.answering(body), true).unwrap();
            assert_eq!((change, place.ask()), (Change::Replaced, body.to_owned()));
        }
        done.store(true, Ordering::Relaxed);
        assert!(looks.join().unwrap() > 100);
    });
}

#[test]
fn after_a_crash_it_comes_back_with_the_first_answer() {
    let place = Place::new();
    place.client().ensure(fragile(&place), false).unwrap();
    files::write_atomic(&place.dir.join("held"), b"", 0o600).unwrap();
    let former = place.process();
    former.signal(Signal::KILL);
    becomes(&place, false);
    let runs = || {
        let state = place.status().state;
        matches!(state, ServiceState::Running(process) if process != former).then_some(())
    };
    assert!(wait::until(LIMIT, runs).is_some());
    assert!(!file(&place).exists(), "it runs, and has not answered");
    // Nor does another supervisor believe that it serves.
    kill_supervisor(&place);
    runs().unwrap();
    assert!(!file(&place).exists());
    files::remove_if_exists(&place.dir.join("held")).unwrap();
    becomes(&place, true);
    assert_eq!(place.ask(), "it");
}

#[test]
fn it_is_gone_while_a_service_waits_for_its_next_try() {
    let place = Place::new();
    place.client().ensure(fragile(&place), false).unwrap();
    files::write_atomic(&place.dir.join("broken"), b"", 0o600).unwrap();
    place.process().signal(Signal::KILL);
    becomes(&place, false);
    let waits = || matches!(place.status().state, ServiceState::BackingOff { .. }).then_some(());
    assert!(wait::until(LIMIT, waits).is_some());
    assert!(!file(&place).exists());
    files::remove_if_exists(&place.dir.join("broken")).unwrap();
    becomes(&place, true);
}

#[test]
fn that_the_end_is_near_stays_told_until_somebody_starts_again() {
    let place = Place::new();
    let client = place.client();
    assert!(!client.end_nears(true).unwrap(), "nothing serves");
    client.end_nears(false).unwrap();
    client.ensure(place.answering("it"), false).unwrap();
    assert!(client.end_nears(true).unwrap());
    assert!(!file(&place).exists());
    assert_eq!(place.ask(), "it");
    // A restart that was under way when it was told, and what starts again by itself, change nothing.
    client.ensure(place.answering("it"), true).unwrap();
    assert!(!file(&place).exists());
    kill_supervisor(&place);
    assert_eq!(place.ask(), "it");
    assert!(!file(&place).exists());
    // Nor does another program.
    place.install(&files::read(&place::built_program()).unwrap());
    let client = place.client();
    assert_eq!(client.not_renewed(), None);
    assert!(client.end_nears(true).unwrap());
    assert!(!file(&place).exists());
    client.end_nears(false).unwrap();
    assert!(file(&place).exists());
}

#[test]
fn an_older_supervisor_that_does_not_know_of_an_end_says_so() {
    let place = Place::new();
    let older = UnixListener::bind(place.dir.join("run/supervisor.sock")).unwrap();
    let answering = std::thread::spawn(move || {
        // The first connection only looks whether somebody listens.
        let (_looks, _) = older.accept().unwrap();
        let (mut asks, _) = older.accept().unwrap();
        let mut request = String::new();
        BufReader::new(&asks).read_line(&mut request).unwrap();
        let unknown = r#"{"protocol":1,"body":{"not_understood":"unknown variant `end_nears`"}}"#;
        writeln!(asks, "{unknown}").unwrap();
        request
    });
    let client = place.supervisor().find().unwrap().unwrap();
    let error = client.end_nears(true).unwrap_err();
    assert!(matches!(error, ClientError::OtherProtocol { .. }), "{error}");
    assert!(error.to_string().contains("`control start` replaces it"), "{error}");
    assert_eq!(answering.join().unwrap(), "{\"protocol\":1,\"body\":{\"end_nears\":true}}\n");
}
