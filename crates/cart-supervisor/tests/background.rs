//! Background services: real processes, of which there are never two of the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use camino::Utf8PathBuf;
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, LogLimits, files, wait};
use cart_supervisor::{Logging, ServiceSpec, ServiceState, ServiceStatus};
use place::{LIMIT, Place};
use rustix::process::Signal;

/// Notes in `diary` that it begins, each SIGTERM, and that it ends: when the file `go` is there.
const WORKER: &str = "
import os, signal, sys, time
name, directory = sys.argv[1:]
def note(what):
    with open(directory + '/diary', 'a') as diary:
        diary.write(name + ' ' + what + '\\n')
told = False
def tell(*_):
    global told
    told = True
    note('is told')
signal.signal(signal.SIGTERM, tell)
note('begins')
while not (told and os.path.exists(directory + '/go')):
    time.sleep(0.01)
note('ends')
";

impl Place {
    fn background(&self, name: &str, command: CommandSpec) -> ServiceSpec {
        let log = self.dir.join(format!("logs/{name}.log"));
        let writer = self.supervisor().log_writer(&log, LogLimits::default());
        let logging = Logging::Collected { writer };
        let spec = ServiceSpec::background(name.into(), "a test's".into(), command, 60);
        ServiceSpec { log, logging, ..spec }
    }

    fn worker(&self, name: &str, version: &str) -> ServiceSpec {
        let command = self.service(&["-c", WORKER, version, self.dir.as_str()]).command;
        self.background(name, command)
    }

    fn diary(&self) -> Vec<String> {
        let diary = std::fs::read_to_string(self.dir.join("diary")).unwrap_or_default();
        diary.lines().map(str::to_owned).collect()
    }

    fn noted(&self, line: &str) {
        let noted = || self.diary().iter().any(|noted| noted == line).then_some(());
        assert!(wait::until(LIMIT, noted).is_some(), "{line:?} is not in {:?}", self.diary());
    }

    fn let_go(&self) {
        files::write_atomic(&self.dir.join("go"), b"", 0o644).unwrap();
    }

    fn state(&self, name: &str) -> ServiceStatus {
        let all = self.client().status().unwrap();
        all.into_iter().find(|service| service.name == name).unwrap()
    }

    fn runs(&self, name: &str) -> ProcessId {
        let runs = || match self.state(name).state {
            ServiceState::Running(process) => Some(process),
            _ => None,
        };
        wait::until(LIMIT, runs).unwrap()
    }

    fn pipe(&self, name: &str) -> Utf8PathBuf {
        self.dir.join(format!("run/{name}.fifo"))
    }
}

#[test]
fn one_begins_when_its_predecessor_has_ended_and_not_before() {
    let place = Place::new();
    let client = place.client();
    client.background(vec![place.worker("clock", "one")], false).unwrap();
    place.noted("one begins");
    let first = place.runs("clock");
    client.background(vec![place.worker("clock", "one")], false).unwrap();
    assert_eq!(place.runs("clock"), first);

    client.background(vec![place.worker("clock", "two")], false).unwrap();
    place.noted("one is told");
    // One that was asked for and never begun leaves no trace.
    client.background(vec![place.worker("clock", "three")], false).unwrap();
    assert_eq!(place.state("clock").state, ServiceState::Waiting);
    assert!(first.is_alive());
    place.let_go();
    place.noted("three begins");
    client.background(vec![place.worker("clock", "three")], true).unwrap();
    place.noted("three ends");
    wait::until(LIMIT, || (place.diary().len() == 7).then_some(())).unwrap();
    assert_eq!(
        place.diary(),
        ["one begins", "one is told", "one ends", "three begins", "three is told", "three ends"]
            .into_iter()
            .chain(["three begins"])
            .collect::<Vec<_>>()
    );
    assert_eq!(place.state("clock").crashes, 0);
}

#[test]
fn a_predecessor_that_does_not_end_is_killed_when_its_time_is_over() {
    let place = Place::new();
    let client = place.client();
    let stubborn = place.worker("clock", "old");
    let stubborn =
        ServiceSpec { stop: cart_supervisor::Stop { drain: 1, ..stubborn.stop }, ..stubborn };
    client.background(vec![stubborn], false).unwrap();
    place.noted("old begins");
    let old = place.runs("clock");
    client.background(vec![place.worker("clock", "new")], false).unwrap();
    place.noted("new begins");
    assert!(!old.is_alive());
    assert!(!place.diary().contains(&"old ends".to_owned()));
    place.let_go();
}

#[test]
fn one_that_ends_is_started_again_and_what_it_left_behind_ends_first() {
    let place = Place::new();
    let client = place.client();
    let python = place.service(&[]).command.program;
    // A shell that does not become the program, and is killed: its child is told, once.
    let line = format!("{python} -c \"$WORKER\" child {}; true", place.dir);
    let shell = CommandSpec::new("/bin/sh", &place.env).args(["-c", &line]).env("WORKER", WORKER);
    client.background(vec![place.background("worker", shell)], false).unwrap();
    place.noted("child begins");
    let first = place.runs("worker");
    first.signal(Signal::KILL);
    place.noted("child is told");
    wait::until(LIMIT, || (place.state("worker").crashes == 1).then_some(())).unwrap();
    assert!(matches!(place.state("worker").state, ServiceState::BackingOff { .. }));
    place.let_go();
    place.noted("child ends");
    place.runs("worker");
    assert_eq!(place.diary().iter().filter(|line| *line == "child is told").count(), 1);

    let once = place.service(&["-c", "print('nothing to do')"]).command;
    client.background(vec![place.background("worker", once)], false).unwrap();
    let again = || (place.state("worker").crashes >= 3).then_some(());
    assert!(wait::until(LIMIT, again).is_some());
    let printed = || {
        let log = std::fs::read_to_string(place.dir.join("logs/worker.log")).unwrap_or_default();
        (log.lines().filter(|line| *line == "nothing to do").count() >= 3).then_some(())
    };
    assert!(wait::until(LIMIT, printed).is_some());
}

#[test]
fn those_that_are_not_wanted_any_more_end_with_their_logs_and_others_do_not_notice() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("web"), false).unwrap();
    let web = place.process();
    let both = || vec![place.worker("a", "a"), place.worker("b", "b")];
    client.background(both(), false).unwrap();
    place.noted("a begins");
    place.noted("b begins");
    let (a, b) = (place.runs("a"), place.runs("b"));
    client.background(vec![place.worker("a", "a")], false).unwrap();
    place.noted("b is told");
    // Wanted again while it ends.
    client.background(both(), false).unwrap();
    place.let_go();
    assert!(b.wait_gone(LIMIT));
    let again = place.runs("b");
    client.background(vec![place.worker("a", "a")], false).unwrap();
    assert!(again.wait_gone(LIMIT));
    let closed = || (!place.pipe("b").exists()).then_some(());
    assert!(wait::until(LIMIT, closed).is_some());
    client.background(both(), false).unwrap();
    place.runs("b");
    assert_eq!((place.runs("a"), place.process()), (a, web));
    client.background(Vec::new(), false).unwrap();
    assert!(a.wait_gone(LIMIT));
    assert_eq!(place.process(), web);
}

#[test]
fn a_successor_begins_what_waited_for_an_end_and_starts_again_what_ended_with_the_supervisor() {
    let place = Place::new();
    let client = place.client();
    let wanted =
        |version: &str| vec![place.worker("clock", version), place.worker("worker", "same")];
    client.background(wanted("old"), false).unwrap();
    place.noted("old begins");
    place.noted("same begins");
    let (old, worker) = (place.runs("clock"), place.runs("worker"));
    client.background(wanted("new"), false).unwrap();
    place.noted("old is told");
    let supervisor = place.supervisor_process();
    supervisor.signal(Signal::KILL);
    assert!(supervisor.wait_gone(LIMIT));

    assert_eq!(place.state("clock").state, ServiceState::Waiting);
    assert!(old.is_alive());
    assert_eq!(place.runs("worker"), worker);
    place.let_go();
    place.noted("new begins");
    assert!(!old.is_alive());
    assert_eq!(place.diary().iter().filter(|line| *line == "same begins").count(), 1);

    worker.signal(Signal::KILL);
    assert!(worker.wait_gone(LIMIT));
    let again =
        || (place.diary().iter().filter(|l| *l == "same begins").count() == 2).then_some(());
    assert!(wait::until(LIMIT, again).is_some());
}

#[test]
fn a_supervisor_that_becomes_another_program_goes_on_waiting() {
    let place = Place::new();
    place.client().background(vec![place.worker("clock", "old")], false).unwrap();
    place.noted("old begins");
    place.client().background(vec![place.worker("clock", "new")], false).unwrap();
    place.noted("old is told");
    place.install(&std::fs::read(place::built_program()).unwrap());
    let client = place.client();
    assert_eq!(client.not_renewed(), None);
    assert_eq!(place.state("clock").state, ServiceState::Waiting);
    place.let_go();
    place.noted("new begins");
    assert_eq!(place.diary(), ["old begins", "old is told", "old ends", "new begins"]);
}

#[test]
fn at_the_end_all_are_told_at_once_and_after_the_servers() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("web"), false).unwrap();
    let web = place.process();
    let all = || ["a", "b", "c"].map(|name| place.worker(name, name)).to_vec();
    client.background(all(), false).unwrap();
    ["a begins", "b begins", "c begins"].iter().for_each(|line| place.noted(line));
    let processes = ["a", "b", "c"].map(|name| place.runs(name));
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| client.end(&["app"], LIMIT));
        ["a is told", "b is told", "c is told"].iter().for_each(|line| place.noted(line));
        assert!(!web.is_alive());
        place.let_go();
        ended.join().unwrap().unwrap();
    });
    assert!(processes.iter().all(|process| !process.is_alive()));
    assert!(process::printing_below(&[&place.dir.join("run")]).is_empty());
}
