//! What is killed comes back, and nobody is refused meanwhile.

use std::collections::BTreeSet;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use cart_core::process::{self, ProcessId};
use cart_core::wait;
use cart_test::{TestGear, get, try_get};
use rustix::process::Signal;

use tests::processes::{self, nginx, supervisor};

use crate::cartridge::{SERVER, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_killed_python_server_is_back_and_no_get_is_lost() {
    for server in ["wsgiref", "gevent", "gunicorn"] {
        let gear = running(&fixture("mirror"), &[(SERVER, server)]);
        for _ in 0..2 {
            let process = processes::server(&gear);
            process.signal_group(Signal::KILL);
            assert!(process.wait_gone(LIMIT));
            assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
        }
        gear.control("status").done();
    }
}

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
fn the_supervisors_death_stops_nothing_and_the_next_hook_takes_over() {
    let gear = running(&fixture("mirror"), &[]);
    let process = supervisor(&gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    assert_eq!(get(gear.address(), "/").body, "mirror");

    let pid = get(gear.address(), "/pid").body;
    gear.control("restart").done();
    assert_ne!(get(gear.address(), "/pid").body, pid);
    gear.control("status").done();

    let process = supervisor(&gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    gear.control("stop").done();
    assert!(try_get(gear.address(), "/").is_err());
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
    gear.write("app.py", "raise SystemExit('broken by a deploy')\n");
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
    assert!(!before.is_alive(), "two supervisors look after one gear");
    std::fs::remove_file(gear.cartridge().join("run/appserver.sock")).unwrap();
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("stop").done();
    assert!(try_get(gear.address(), "/").is_err());
}

#[test]
fn after_the_supervisors_death_status_says_so_and_a_deploy_takes_over() {
    let gear = running(&fixture("mirror"), &[]);
    let process = supervisor(&gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    assert!(gear.control("status").text.contains("supervisor has died"));
    let pid = get(gear.address(), "/pid").body;
    gear.deploy_hot().done();
    assert_ne!(get(gear.address(), "/pid").body, pid);
    gear.control("status").done();
}
