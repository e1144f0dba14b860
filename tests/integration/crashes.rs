//! What is killed comes back, and nobody is refused meanwhile.

use std::collections::BTreeSet;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::process::{self, ProcessId};
use cart_core::{files, wait};
use cart_test::{TestGear, get, try_get};
use rustix::process::Signal;

use tests::processes::{self, kill_ours, nginx, successor, supervisor};

use crate::cartridge::{SERVER, empty_gear, fixture, running};
use tests::scripts::script;

const LIMIT: Duration = Duration::from_secs(60);

/// Kills in a row: each leaves pooled connections to the server that was started after it, and the
/// next one takes all of them along.
#[test]
fn kills_in_a_row_lose_no_get_that_was_sent_on_a_pooled_connection() {
    let gear = running(&fixture("mirror"), &[(SERVER, "gevent")]);
    let address = gear.address();
    assert_eq!(get(address, "/").body, "mirror");
    for _ in 0..3 {
        let process = processes::server(&gear);
        process.signal_group(Signal::STOP);
        let bodies = std::thread::scope(|scope| {
            let asked = [(); 4].map(|()| scope.spawn(move || get(address, "/").body));
            let sent = wait::until(LIMIT, || (connections(&gear) >= asked.len()).then_some(()));
            process.signal_group(Signal::KILL);
            assert!(sent.is_some(), "nginx asked nobody");
            asked.map(join)
        });
        assert_eq!(bodies, ["mirror"; 4]);
    }
}

/// How many connections to the Python server there are, accepted or not. It has been started once.
fn connections(gear: &TestGear) -> usize {
    let socket = gear.cartridge().join("run/appserver.1.sock");
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    // One line is the listening socket's.
    table.lines().filter(|line| line.ends_with(socket.as_str())).count() - 1
}

#[test]
fn a_killed_nginx_is_back_on_the_same_port() {
    let gear = running(&fixture("mirror"), &[]);
    for _ in 0..2 {
        let master = nginx(&gear);
        master.signal(Signal::KILL);
        assert!(master.wait_gone(LIMIT));
        assert_eq!(get(gear.address(), "/").body, "mirror");
        let again = wait::until(LIMIT, || (gear.control("status").code == 0).then_some(()));
        assert!(again.is_some());
    }
    gear.control("stop").done();
    assert!(try_get(gear.address(), "/").is_err(), "a worker of a killed master still serves");
}

#[test]
fn a_killed_supervisor_is_succeeded_and_what_is_killed_then_is_back() {
    for variables in [&[][..], &[(SERVER, "gunicorn")]] {
        let gear = running(&fixture("mirror"), variables);
        let server = processes::server(&gear);
        for _ in 0..2 {
            let former = supervisor(&gear);
            kill(&[former]);
            successor(&gear, former);
        }
        serves(&gear);
        assert_eq!(processes::server(&gear), server);
        gear.control("status").done();
        // None of these is its child.
        kill(&[processes::server(&gear)]);
        serves(&gear);
        kill(&[nginx(&gear)]);
        serves(&gear);
        kill(&processes::heirs(&gear));
        let former = supervisor(&gear);
        successor(&gear, ProcessId { pid: 0, ..former });
        let server = processes::server(&gear);
        gear.control("restart").done();
        assert_ne!(processes::server(&gear), server);
        gear.control("stop").done();
        assert!(nothing_runs(&gear));
    }
}

#[test]
fn as_long_as_one_of_ours_lives_everything_that_is_killed_at_once_is_back() {
    let gear = running(&fixture("mirror"), &[]);
    let heirs = |gear: &TestGear| {
        let some = || Some(processes::heirs(gear)).filter(|heirs| !heirs.is_empty());
        wait::until(LIMIT, some).unwrap()
    };
    for survivors in [|gear: &TestGear| vec![supervisor(gear)], heirs] {
        // Those of now: what was killed before has been started again.
        let survivor = survivors(&gear);
        let former = supervisor(&gear);
        let mut others = gear.gear().processes().alive();
        others.retain(|process| !survivor.contains(process));
        assert!(others.len() >= 4, "{others:?}");
        kill(&others);
        if !survivor.contains(&former) {
            successor(&gear, former);
        }
        serves(&gear);
    }
}

/// Beside a node's logshifter there is no writer of ours that could succeed anybody.
#[test]
fn beside_logshifter_a_guard_succeeds_a_killed_supervisor() {
    let programs = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(programs.path()).unwrap();
    let script = "#!/bin/sh\nexec cat >>\"$OPENSHIFT_LOG_DIR/$2.log\"\n";
    files::write_atomic(&directory.join("logshifter"), script.as_bytes(), 0o755).unwrap();
    let gear = running(&fixture("mirror"), &[]);
    let element = gear.gear().layout().env().join("OPENSHIFT_OTHER_PATH_ELEMENT");
    files::write_atomic(&element, directory.as_str().as_bytes(), 0o644).unwrap();
    gear.control("restart").done();
    let guards = || {
        let heirs = processes::heirs(&gear);
        let guards = heirs.iter().all(|heir| process::words(heir.pid).iter().any(|w| w == "guard"));
        (!heirs.is_empty() && guards).then_some(heirs)
    };
    let guard = wait::until(LIMIT, guards).unwrap();
    let former = supervisor(&gear);
    kill(&[former, processes::server(&gear)]);
    let now = successor(&gear, former);
    serves(&gear);
    kill(&guard.into_iter().filter(|guard| guard.is_alive()).collect::<Vec<_>>());
    kill(&processes::heirs(&gear));
    successor(&gear, ProcessId { pid: 0, ..now });
    gear.control("stop").done();
    assert!(nothing_runs(&gear));
}

#[test]
fn a_stop_that_the_supervisor_does_not_survive_is_a_stop() {
    const UNTIL_TOLD: &str = "while not os.path.exists('go-on'): time.sleep(0.05)";
    let gear = empty_gear(&[]);
    let code = std::fs::read_to_string(fixture("mirror").join("app.py")).unwrap();
    gear.write("app.py", &code.replace("time.sleep(1.5)", UNTIL_TOLD));
    gear.control("start").done();
    let address = gear.address();
    std::thread::scope(|scope| {
        let slow = scope.spawn(move || get(address, "/slow").body);
        let reached = wait::until(LIMIT, || (get(address, "/slow-ones").body == "1").then_some(()));
        assert!(reached.is_some());
        let stop = scope.spawn(|| gear.control("stop"));
        let refused = || try_get(address, "/").is_err().then_some(());
        assert!(wait::until(LIMIT, refused).is_some(), "nothing is stopped");
        // Meanwhile the slow request is waited for.
        kill(&[supervisor(&gear)]);
        gear.write("go-on", "");
        stop.join().unwrap().done();
        assert_eq!(slow.join().unwrap(), "slow");
    });
    assert!(nothing_runs(&gear));
    gear.control("status").failed_saying(&["stopped"]);
}

#[test]
fn stopped_processes_hold_up_no_hook() {
    let gear = running(&fixture("mirror"), &[]);
    let stop = |process: ProcessId| process.signal(Signal::STOP);
    stop(supervisor(&gear));
    gear.control("status").done();
    stop(supervisor(&gear));
    gear.control("restart").done();
    // It answers nobody, and its configuration has not changed.
    let master = nginx(&gear);
    processes::those_of(master, "worker").into_iter().chain([master]).for_each(stop);
    gear.control("restart").done();
    serves(&gear);
    stop(processes::server(&gear));
    stop(supervisor(&gear));
    gear.control("stop").done();
    assert!(nothing_runs(&gear));
}

/// Everybody who lives is found by what it is.
#[test]
fn a_lost_run_directory_is_no_way_to_lose_what_runs() {
    let gear = running(&fixture("mirror"), &[]);
    let run = gear.cartridge().join("run");
    let pid = || get(gear.address(), "/pid").body;
    let lose = || std::fs::remove_dir_all(&run).unwrap();
    for action in ["start", "restart"] {
        let (before, former) = (pid(), supervisor(&gear));
        lose();
        gear.control(action).done();
        assert_ne!(pid(), before);
        assert_eq!(supervisor(&gear), former);
        // Its successor finds what it needs.
        kill(&[former]);
        successor(&gear, former);
        serves(&gear);
    }
    lose();
    // The app's socket is lost, and nginx is asked.
    gear.control("status").failed_saying(&["status 502"]);
    assert!(gear.control("stop").done().text.ends_with("stopped"));
    assert!(nothing_runs(&gear));
    gear.control("start").done();
    lose();
    assert_eq!(script(&gear, "bin/teardown", &[]).code, Some(0));
    assert!(nothing_runs(&gear));
}

/// Nobody of ours lives, and the record is lost or damaged.
#[test]
fn what_no_record_names_is_found_and_in_nobodys_way() {
    let gear = running(&fixture("mirror"), &[]);
    let record = gear.cartridge().join("run/supervisor.json");
    for action in ["start", "restart", "stop"] {
        let pid = get(gear.address(), "/pid").body;
        kill_ours(&gear);
        files::write_atomic(&record, b"{ broken", 0o600).unwrap();
        gear.control("status").failed_saying(&["Nobody looks after", "still answers"]);
        let said = gear.control(action).done().text.clone();
        if action == "stop" {
            assert!(said.ends_with("stopped"), "{said}");
        } else {
            assert_ne!(get(gear.address(), "/pid").body, pid);
            gear.control("status").done();
            let one = || (leaders(&gear) == 1).then_some(());
            assert!(wait::until(LIMIT, one).is_some(), "the former server runs, too");
        }
    }
    assert!(nothing_runs(&gear));
}

#[test]
fn a_directory_where_a_socket_stood_is_no_obstacle() {
    let gear = running(&fixture("mirror"), &[]);
    let run = gear.cartridge().join("run");
    for name in ["supervisor.sock", "appserver.sock"] {
        for action in ["status", "start", "stop", "start", "restart"] {
            std::fs::remove_file(run.join(name)).unwrap();
            std::fs::create_dir_all(run.join(name).join("deep")).unwrap();
            let outcome = gear.control(action);
            if name == "appserver.sock" && action == "status" {
                outcome.failed_saying(&["status 502"]);
            } else {
                outcome.done();
            }
            gear.control("start").done();
            serves(&gear);
        }
    }
}

/// How many Python servers run, workers not counted.
fn leaders(gear: &TestGear) -> usize {
    let python = |pid: u32| process::command_line(pid).is_some_and(|l| l.contains("bin/python"));
    let alive = gear.gear().processes().alive();
    let led = |p: &ProcessId| process::parent(p.pid).is_some_and(python);
    alive.iter().filter(|p| python(p.pid) && !led(p)).count()
}

fn kill(processes: &[ProcessId]) {
    processes.iter().for_each(|process| process.signal(Signal::KILL));
    for process in processes {
        assert!(process.wait_gone(LIMIT));
    }
}

/// Waits until the app answers, without anybody's help.
fn serves(gear: &TestGear) {
    let answer = || try_get(gear.address(), "/").ok().filter(|answer| answer.body == "mirror");
    assert!(wait::until(LIMIT, answer).is_some(), "{}", gear.log("supervisor.log"));
}

/// Whether nothing of the gear is left.
fn nothing_runs(gear: &TestGear) -> bool {
    wait::until(LIMIT, || gear.gear().processes().alive().is_empty().then_some(())).is_some()
}

#[test]
fn the_supervisor_leads_a_session_and_no_service_keeps_a_hooks_pipe() {
    let gear = running(&fixture("mirror"), &[]);
    let supervisor = supervisor(&gear).pid;
    let status = std::fs::read_to_string(format!("/proc/{supervisor}/status")).unwrap();
    let session = status.lines().find_map(|l| l.strip_prefix("NSsid:")).unwrap();
    assert_eq!(session.trim(), supervisor.to_string());
    for pid in process::children(supervisor).into_iter().chain([supervisor]) {
        for number in [0, 1, 2] {
            let target = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
            // The app prints into a pipe with a name, which is ours.
            assert!(!target.to_string_lossy().starts_with("pipe:"), "{pid}: {number}: {target:?}");
        }
    }
}

fn join(asked: ScopedJoinHandle<'_, String>) -> String {
    asked.join().unwrap()
}

#[test]
fn gunicorns_other_workers_serve_on_when_one_cannot_be_replaced() {
    let variables = [(SERVER, "gunicorn"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&fixture("mirror"), &variables);
    // Both must have the good code before it is replaced.
    let pid = || get(gear.address(), "/pid").body;
    let both = wait::until(LIMIT, || {
        let asked = || std::thread::scope(|scope| [(); 8].map(|()| scope.spawn(pid)).map(join));
        let pids: BTreeSet<String> = asked().into();
        (pids.len() == 2).then_some(())
    });
    assert!(both.is_some(), "one worker answers everything");
    let broken = "raise SystemExit('broken by a deploy')\ndef application(*_): pass\n";
    gear.write("app.py", broken);
    gear.control("restart").failed_saying(&["broken by a deploy", "still serves"]);
    let worker: u32 = get(gear.address(), "/pid").body.parse().unwrap();
    ProcessId::of(worker).unwrap().signal(Signal::KILL);
    let log = || gear.log("appserver.log").contains("The other workers go on").then_some(());
    assert!(wait::until(LIMIT, log).is_some(), "{}", gear.log("appserver.log"));
    for _ in 0..5 {
        assert_eq!(get(gear.address(), "/").body, "mirror");
    }
}

#[test]
fn removed_sockets_are_no_way_to_lose_what_runs() {
    let gear = running(&fixture("mirror"), &[]);
    std::fs::remove_file(gear.cartridge().join("run/supervisor.sock")).unwrap();
    let before = supervisor(&gear);
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    assert_eq!(supervisor(&gear), before);
    std::fs::remove_file(gear.cartridge().join("run/appserver.sock")).unwrap();
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("stop").done();
    assert!(try_get(gear.address(), "/").is_err());
}

#[test]
fn when_none_of_ours_is_left_status_says_so_and_a_deploy_takes_over() {
    let gear = running(&fixture("mirror"), &[]);
    kill_ours(&gear);
    gear.control("status").failed_saying(&["supervisor has died", "still answers"]);
    let pid = get(gear.address(), "/pid").body;
    gear.deploy_hot().done();
    assert_ne!(get(gear.address(), "/pid").body, pid);
    gear.control("status").done();
}
