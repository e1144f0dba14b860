//! What a Procfile has beside `web:`: run from the same release, and never the old beside the new.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code::CONFIGURATION;
use cart_core::process::{self, ProcessId};
use cart_core::{CartridgeDir, files, tree, wait};
use cart_supervisor::{ServiceState, ServiceStatus, SupervisorProcess};
use cart_test::{TestGear, get, post};
use rustix::process::Signal;
use tests::processes::{kill_ours, successor, supervisor};

use crate::cartridge::{assembled, empty_gear, example, fixture, gear, running};

const LIMIT: Duration = Duration::from_secs(120);
const PROCESSES: &str = "OPENSHIFT_PYTHON_PROCESSES";

/// A clock that notices when it is not alone, and notes with its version when it begins and ends.
const CLOCK: &str = r#"
import fcntl, os, signal, threading
ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
data = os.environ["OPENSHIFT_DATA_DIR"]
with open(data + "/clock.lock", "w") as lock, open(data + "/diary", "a", buffering=1) as diary:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        diary.write("VERSION begins\n")
        print("VERSION ticks")
        ending.wait()
        diary.write("VERSION ends\n")
    except BlockingIOError:
        diary.write("VERSION is not alone\n")
"#;

/// An app as a person has it in a directory.
struct App {
    _keep: tempfile::TempDir,
    directory: Utf8PathBuf,
}

impl App {
    /// The example, with a clock beside.
    fn shop() -> Self {
        let app = Self::of(&example("heroku-style"));
        let procfile = std::fs::read_to_string(app.directory.join("Procfile")).unwrap();
        app.write("Procfile", &format!("{procfile}clock: cd shop && python clock.py\n"));
        app.version("first");
        app
    }

    fn of(app: &Utf8Path) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        tree::copy(app, &directory, |_| false).unwrap();
        Self { _keep: keep, directory }
    }

    fn write(&self, file: &str, content: &str) {
        files::write_atomic(&self.directory.join(file), content.as_bytes(), 0o644).unwrap();
    }

    fn break_it(&self) {
        let code = std::fs::read_to_string(self.directory.join("shop/web.py")).unwrap();
        self.write("shop/web.py", &format!("{code}\nimport no_such_module\n"));
    }

    fn version(&self, version: &str) {
        self.write("shop/clock.py", &CLOCK.replace("VERSION", version));
    }
}

/// Ends the visitors when it goes, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the supervisor has beside nginx and the Python server.
fn beside(gear: &TestGear) -> Vec<ServiceStatus> {
    let dir = CartridgeDir::new(gear.cartridge().to_owned());
    let supervisor = SupervisorProcess::new(&dir, &dir.usr().join("bin/advanced-python"));
    let status = || Some(supervisor.find().unwrap()?.status().unwrap());
    let services = wait::until(LIMIT, status).unwrap();
    services.into_iter().filter(|service| service.listen.is_empty()).collect()
}

fn process(service: &ServiceStatus) -> Option<ProcessId> {
    match service.state {
        ServiceState::Running(process) => Some(process),
        _ => None,
    }
}

/// Waits until exactly these run.
fn run(gear: &TestGear, names: &[&str]) -> Vec<ProcessId> {
    let all = || {
        let found = beside(gear);
        let are_they = found.iter().map(|service| service.name.as_str()).eq(names.iter().copied());
        found.iter().map(process).collect::<Option<Vec<_>>>().filter(|_| are_they)
    };
    wait::until(LIMIT, all).unwrap_or_else(|| panic!("{names:?} do not run: {:?}", beside(gear)))
}

fn data(gear: &TestGear, file: &str) -> Utf8PathBuf {
    gear.gear().layout().data().join(file)
}

fn diary(gear: &TestGear) -> Vec<String> {
    let diary = std::fs::read_to_string(data(gear, "diary")).unwrap_or_default();
    diary.lines().map(str::to_owned).collect()
}

fn noted(gear: &TestGear, lines: &[&str]) {
    let is_it = || (diary(gear) == lines).then_some(());
    assert!(wait::until(LIMIT, is_it).is_some(), "{:?} instead of {lines:?}", diary(gear));
}

/// Orders of visitors that were not sent yet, and that were.
fn orders(gear: &TestGear) -> (usize, usize) {
    let names = data(gear, "orders").read_dir_utf8().unwrap();
    let names: Vec<Utf8PathBuf> = names.map(|entry| entry.unwrap().into_path()).collect();
    let count = |extension| names.iter().filter(|n| n.extension() == Some(extension)).count();
    (count("new"), count("sent"))
}

#[test]
fn a_push_replaces_worker_and_clock_without_a_loss_and_there_are_never_two_clocks() {
    let cartridge = assembled();
    let program = gear(&cartridge);
    let app = App::shop();
    let gear = TestGear::kept(&cartridge, "3", &[], &app.directory, &program);
    let first = run(&gear, &["worker.1", "clock.1"]);
    noted(&gear, &["first begins"]);
    let status = gear.control("status").done().text.clone();
    assert!(status.contains("worker.1 is running") && status.contains("clock.1 is running"));
    let printed = || gear.log("clock.1.log").contains("first ticks").then_some(());
    assert!(wait::until(LIMIT, printed).is_some());

    let over = AtomicBool::new(false);
    let address = gear.address();
    let placed = std::thread::scope(|scope| {
        let end = End(&over);
        let visitor = scope.spawn(|| {
            let mut placed = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(post(address, "/orders", b"").status, 200);
                placed += 1;
            }
            placed
        });
        app.version("second");
        let said = gear.push(&app.directory).done().text.clone();
        assert!(said.contains("Beside it, by the Procfile: worker.1, clock.1"), "{said}");
        noted(&gear, &["first begins", "first ends", "second begins"]);
        let second = run(&gear, &["worker.1", "clock.1"]);
        assert!(first.iter().all(|process| !process.is_alive() && !second.contains(process)));

        // A push that is refused replaces nothing.
        app.break_it();
        app.version("third");
        gear.push(&app.directory).failed_saying(&["no_such_module"]);
        assert_eq!(run(&gear, &["worker.1", "clock.1"]), second);
        drop(end);
        visitor.join().unwrap()
    });
    assert!(placed > 0);
    let sent = || (orders(&gear) == (0, placed)).then_some(());
    assert!(wait::until(LIMIT, sent).is_some(), "{placed} orders: {:?}", orders(&gear));
    let told = || {
        let log = gear.log("worker.1.log");
        (log.lines().filter(|line| line.starts_with("sent ")).count() == placed).then_some(())
    };
    assert!(wait::until(LIMIT, told).is_some(), "{placed}: {}", gear.log("worker.1.log"));
    noted(&gear, &["first begins", "first ends", "second begins"]);
    gear.control("stop").done();
    noted(&gear, &["first begins", "first ends", "second begins", "second ends"]);
}

#[test]
fn the_number_of_each_is_set_checked_and_changed_without_a_new_server() {
    let app = App::of(&fixture("mirror"));
    app.write("Procfile", "worker: exec sleep 1000\nclock: exec sleep 1000\nBad: true\n");
    let mut gear = empty_gear(&[(PROCESSES, "wroker=2")]);
    let refused = gear.deploy(&app.directory);
    refused.failed_saying(&[PROCESSES, "a number for each of worker, clock"]);
    assert_eq!(refused.code, i32::from(CONFIGURATION));
    gear.set(PROCESSES, "worker=2, clock=0");
    let said = gear.control("start").done().text.clone();
    assert!(said.contains("Beside it, by the Procfile: worker.1, worker.2\n"), "{said}");
    assert!(said.contains("Line 3 of the Procfile is not run"), "{said}");
    let two = run(&gear, &["worker.1", "worker.2"]);
    let pid = get(gear.address(), "/pid").body;

    gear.set(PROCESSES, "worker=1");
    gear.control("start").done();
    let now = run(&gear, &["worker.1", "clock.1"]);
    assert_eq!(now[0], two[0]);
    assert!(two[1].wait_gone(LIMIT));
    assert_eq!(get(gear.address(), "/pid").body, pid);
    gear.control("start").done();
    assert_eq!(run(&gear, &["worker.1", "clock.1"]), now);

    gear.set(PROCESSES, "worker=0,clock=0");
    gear.control("start").done();
    run(&gear, &[]);
    assert!(now.iter().all(|process| process.wait_gone(LIMIT)));
    assert_eq!(get(gear.address(), "/pid").body, pid);
    gear.set(PROCESSES, "clock=two");
    gear.control("restart").failed_saying(&[PROCESSES, "such as `worker=2,clock=0`"]);
    let told = gear.control("doctor");
    told.failed_saying(&["REFUSED  settings  OPENSHIFT_PYTHON_PROCESSES is \"clock=two\""]);
    gear.set(PROCESSES, "clock=2");
    let told = gear.control("doctor").done().text.clone();
    for line in [
        "ok       beside    `exec sleep 1000` runs beside the server, as worker.1 [Procfile:1]",
        "ok       beside    `exec sleep 1000` runs beside the server, as clock.1 to clock.2",
        "note     beside    Line 3 of the Procfile is not run",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
}

#[test]
fn one_that_fails_is_started_again_told_of_and_no_harm_to_the_server() {
    let app = App::of(&fixture("mirror"));
    let line = "echo no broker >&2; exit 7";
    app.write("Procfile", &format!("worker: {line}\nworse: ./no-such-program\n"));
    let gear = running(&app.directory, &[]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    let again = || {
        let all = beside(&gear);
        (all.len() == 2 && all.iter().all(|service| service.crashes >= 2)).then_some(())
    };
    assert!(wait::until(LIMIT, again).is_some());
    let tells = || {
        let status = gear.control("status").done().text.clone();
        let reason = "worker.1 ended (exit code 7) and is being started again: logs/worker.1.log";
        (status.contains("Application is running") && status.contains(reason)).then_some(())
    };
    assert!(wait::until(LIMIT, tells).is_some());
    assert!(gear.log("worker.1.log").contains("no broker"));
    gear.control("restart").done();
}

/// What runs of this app's clocks, found by their command lines.
fn clocks(gear: &TestGear) -> Vec<ProcessId> {
    let alive = gear.gear().processes().alive().into_iter();
    alive.filter(|p| process::words(p.pid).iter().any(|word| word == "clock.py")).collect()
}

#[test]
fn killed_supervisors_and_a_lost_run_leave_one_clock_and_a_stop_leaves_none() {
    let app = App::shop();
    let gear = running(&app.directory, &[]);
    let names = ["worker.1", "clock.1"];
    let first = run(&gear, &names);
    noted(&gear, &["first begins"]);
    let former = supervisor(&gear);
    former.signal(Signal::KILL);
    successor(&gear, former);
    assert_eq!(run(&gear, &names), first);
    // None of these is the successor's child.
    first[1].signal(Signal::KILL);
    noted(&gear, &["first begins", "first begins"]);
    let second = run(&gear, &names);
    assert_eq!(second[0], first[0]);

    // Nobody knows of them any more.
    kill_ours(&gear);
    tree::remove(&gear.cartridge().join("run")).unwrap();
    app.version("second");
    std::fs::copy(app.directory.join("shop/clock.py"), gear.repo().join("shop/clock.py")).unwrap();
    gear.control("start").done();
    noted(&gear, &["first begins", "first begins", "first ends", "second begins"]);
    let third = run(&gear, &names);
    assert!(second.iter().all(|process| !process.is_alive()));
    assert_eq!(clocks(&gear), third[1..]);

    kill_ours(&gear);
    tree::remove(&gear.cartridge().join("run")).unwrap();
    gear.control("stop").done();
    assert!(third.iter().all(|process| !process.is_alive()));
    assert_eq!(clocks(&gear), []);
}

#[test]
fn what_worked_last_brings_its_own_worker_back() {
    let app = App::shop();
    let mut gear = running(&app.directory, &[]);
    run(&gear, &["worker.1", "clock.1"]);
    noted(&gear, &["first begins"]);
    gear.control("stop").done();
    app.break_it();
    app.version("second");
    gear.deploy(&app.directory).failed_saying(&["What worked last was started instead"]);
    noted(&gear, &["first begins", "first ends", "first begins"]);
    let processes = run(&gear, &["worker.1", "clock.1"]);
    // Started again, it is still not what lies in the repository.
    processes[1].signal(Signal::KILL);
    noted(&gear, &["first begins", "first ends", "first begins", "first begins"]);
    assert_eq!(post(gear.address(), "/orders", b"").status, 200);
    let sent = || (orders(&gear) == (0, 1)).then_some(());
    assert!(wait::until(LIMIT, sent).is_some());
}
