//! What is killed comes back, and nobody is refused meanwhile.

use std::time::Duration;

use cart_core::process;
use cart_core::wait;
use cart_test::{get, try_get};
use rustix::process::Signal;

use tests::processes::{child, supervisor};

use crate::cartridge::{SERVER, fixture, running};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_killed_python_server_is_back_and_no_get_is_lost() {
    for server in ["wsgiref", "gevent", "gunicorn"] {
        let gear = running(&fixture("mirror"), &[(SERVER, server)]);
        for _ in 0..2 {
            let process = child(&gear, "python");
            process.signal_group(Signal::KILL);
            assert!(process.wait_gone(LIMIT));
            assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
        }
        gear.control("status").done();
    }
}

#[test]
fn a_killed_nginx_is_back_on_the_same_port() {
    let gear = running(&fixture("mirror"), &[]);
    for _ in 0..2 {
        let master = child(&gear, "nginx: master");
        master.signal(Signal::KILL);
        assert!(master.wait_gone(LIMIT));
        assert_eq!(get(gear.address(), "/").body, "mirror");
        let again =
            wait::until(LIMIT, || gear.control("status").text.contains("running").then_some(()));
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
fn the_supervisor_is_small_and_its_own_session_leader_under_pid_1s_care() {
    let gear = running(&fixture("mirror"), &[]);
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", supervisor(&gear).pid)).unwrap();
    let sessions = status.lines().find(|l| l.starts_with("NSsid:")).unwrap();
    let leader = sessions.split_whitespace().nth(1).unwrap();
    assert_eq!(leader, supervisor(&gear).pid.to_string());
    for pid in process::children(supervisor(&gear).pid) {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let pipes = open.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        let of_the_node = pipes.filter(|t| t.to_string_lossy().starts_with("pipe:")).count();
        // A server may have pipes of its own making to its workers, never the hook's output, which
        // is descriptor 1 or 2.
        for number in [0, 1, 2] {
            let target = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
            assert!(
                !target.to_string_lossy().starts_with("pipe:"),
                "{pid}: {number} {of_the_node}"
            );
        }
    }
}
