//! `control threaddump`: the stacks of every process, however it hangs, and nothing is lost by it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cart_core::exit_code::NOT_RUNNING;
use cart_core::process::{self, ProcessId};
use cart_core::{files, wait};
use cart_test::{Answer, TestGear, get};
use rustix::process::Signal;

use tests::processes::{self, Stopped};

use crate::cartridge::{SERVER, empty_gear, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);
const DRAIN: (&str, &str) = ("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "1");

/// Asks for the page that hangs in Python, and comes back when the app is in it.
fn waiting(gear: &TestGear) -> JoinHandle<Answer> {
    let there = data(gear, "there");
    files::remove_if_exists(&there).unwrap();
    let address = gear.address();
    let answer = thread::spawn(move || get(address, "/wait"));
    assert!(wait::until(LIMIT, || there.exists().then_some(())).is_some());
    answer
}

fn data(gear: &TestGear, name: &str) -> camino::Utf8PathBuf {
    gear.gear().layout().home().join("app-root/data").join(name)
}

fn go_on(gear: &TestGear) {
    files::write_atomic(&data(gear, "go-on"), b"", 0o644).unwrap();
}

/// Two bytes that the app maps into its memory. In `/spin`, it copies the first to the second, in C
/// code, until the first says that it may go on.
struct Flags(File);

impl Flags {
    fn new(gear: &TestGear) -> Self {
        let path = data(gear, "flags");
        files::write_atomic(&path, b"s ", 0o644).unwrap();
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    /// Whether the app is in its C code.
    fn is_seen(&self) -> bool {
        let mut flags = [0; 2];
        self.0.read_exact_at(&mut flags, 0).unwrap();
        flags == *b"ss"
    }

    /// Written where it is, for another file in its place would not be the one that is mapped.
    fn go_on(&self) {
        self.0.write_all_at(b"g", 0).unwrap();
    }
}

#[test]
fn a_worker_of_the_apps_own_kind_shows_where_it_waits_and_greenlets_are_shown() {
    let variables = [("OPENSHIFT_PYTHON_WORKERS", "2"), DRAIN, (SERVER, "gunicorn")];
    let gear = running(&fixture("stacks"), &variables);
    for class in ["gevent", "own_worker.Worker"] {
        gear.set("OPENSHIFT_PYTHON_WORKER_CLASS", class);
        gear.control("stop").done();
        gear.control("start").done();
        let main = processes::server(&gear);
        let all = || (process::children(main.pid).len() == 2).then_some(());
        assert!(wait::until(LIMIT, all).is_some(), "{class}");
        let waiting = waiting(&gear);
        let said = gear.control("threaddump").done().text.clone();
        let what = format!("{class}:\n{said}");
        assert!(said.starts_with("gunicorn: stacks of 3 of 3 processes"), "{what}");
        assert!(said.contains("in waits_in_python"), "{what}");
        assert!(!said.contains("seen from outside"), "{what}");
        assert!(said.contains("Greenlets:") == (class == "gevent"), "{what}");
        assert!(gear.log("appserver.log").contains("in waits_in_python"), "{what}");
        go_on(&gear);
        assert_eq!(waiting.join().unwrap().body, "went on", "{what}");
        files::remove_if_exists(&data(&gear, "go-on")).unwrap();
    }
}

#[test]
fn an_app_that_spins_in_c_code_is_seen_from_outside() {
    let gear = running(&fixture("stacks"), &[DRAIN]);
    for server in ["wsgiref", "gevent", "gunicorn"] {
        gear.set(SERVER, server);
        gear.control("stop").done();
        gear.control("start").done();
        let main = processes::server(&gear);
        let (address, flags) = (gear.address(), Flags::new(&gear));
        let spinning = thread::spawn(move || get(address, "/spin"));
        assert!(wait::until(LIMIT, || flags.is_seen().then_some(())).is_some(), "{server}");
        let said = gear.control("threaddump").done().text.clone();
        flags.go_on();
        assert!(said.contains("in spins_in_c"), "{server}: {said}");
        assert!(said.contains("seen from outside"), "{server}: {said}");
        assert_eq!(spinning.join().unwrap().body, "spun", "{server}");
        assert_eq!(processes::server(&gear), main, "{server}");
    }
}

#[test]
fn five_hundred_threads_are_all_shown() {
    let gear = running(&fixture("stacks"), &[DRAIN]);
    assert_eq!(get(gear.address(), "/threads").body, "started");
    let said = gear.control("threaddump").done().text.clone();
    assert_eq!(said.matches("in waits_in_thread").count(), 500, "{said}");
}

#[test]
fn a_program_that_the_app_started_is_left_alone_and_a_stopped_process_is_named() {
    let gear = running(&fixture("stacks"), &[DRAIN]);
    let program: u32 = get(gear.address(), "/program").body.parse().unwrap();
    let program = ProcessId::of(program).unwrap();
    let said = gear.control("threaddump").done().text.clone();
    assert!(said.contains("stacks of 1 of 2 processes"), "{said}");
    assert!(said.contains("(sleep 600): not asked"), "{said}");
    assert!(program.is_alive());

    let main = processes::server(&gear);
    let stopped = Stopped::stop(main);
    let said = gear.control("threaddump").done().text.clone();
    assert!(said.contains(&format!("Process {} (", main.pid)), "{said}");
    assert!(said.contains("did not answer"), "{said}");
    stopped.go_on();
    assert_eq!(get(gear.address(), "/pid").body, main.pid.to_string());
    program.signal(Signal::KILL);
}

#[test]
fn of_a_stopped_app_there_is_nothing_to_show() {
    let gear = empty_gear(&[]);
    let outcome = gear.control("threaddump");
    assert_eq!(outcome.code, i32::from(NOT_RUNNING));
    assert!(outcome.text.contains("stopped"), "{}", outcome.text);
}
