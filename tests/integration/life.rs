//! The life of an application: started twice, stopped twice, reloaded, deployed, tidied.

use std::time::Duration;

use cart_core::exit_code::{CONFIGURATION, NOT_RUNNING};
use cart_core::wait;
use cart_test::{get, try_get};

use crate::cartridge::{SERVER, empty_gear, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn starting_and_stopping_twice_is_as_once() {
    let gear = running(&fixture("mirror"), &[]);
    let pid = get(gear.address(), "/pid").body;
    assert!(gear.control("start").done().text.contains("running already"));
    assert_eq!(get(gear.address(), "/pid").body, pid, "the app was replaced");
    gear.control("stop").done();
    assert!(try_get(gear.address(), "/").is_err());
    assert!(gear.control("stop").done().text.contains("stopped already"));
    assert_eq!(gear.control("status").code, i32::from(NOT_RUNNING));
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn a_restart_of_a_stopped_app_starts_it_and_a_reload_does_not() {
    let gear = running(&fixture("mirror"), &[]);
    gear.control("stop").done();
    gear.control("reload").done();
    assert!(try_get(gear.address(), "/").is_err());
    gear.write("nginx.conf.erb", "server {\n  nonsense;\n}\n");
    assert_eq!(gear.control("reload").code, i32::from(CONFIGURATION));
    gear.write("nginx.conf.erb", "");
    std::fs::remove_file(gear.repo().join("nginx.conf.erb")).unwrap();
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn new_code_is_served_after_a_restart_and_after_a_hot_deploy() {
    let gear = running(&fixture("mirror"), &[]);
    // Python tells a changed file by its size and its time in whole seconds: the sizes differ here.
    let code = std::fs::read_to_string(gear.repo().join("app.py")).unwrap();
    gear.write("app.py", &code.replace("b\"mirror\"", "b\"second edition\""));
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "second edition");
    gear.write("app.py", &code.replace("b\"mirror\"", "b\"third\""));
    gear.deploy_hot().done();
    assert_eq!(get(gear.address(), "/").body, "third");
}

#[test]
fn a_deploy_that_is_not_hot_leaves_the_new_generation_to_the_start_that_follows() {
    let gear = running(&fixture("mirror"), &[]);
    let pid = || get(gear.address(), "/pid").body;
    let before = pid();
    gear.control("deploy").done();
    assert_eq!(pid(), before);
    gear.deploy_hot().done();
    let replaced = || (pid() != before).then_some(());
    assert!(wait::until(LIMIT, replaced).is_some());
}

#[test]
fn a_variable_reaches_the_app_with_a_restart() {
    let gear = running(&fixture("mirror"), &[]);
    assert_eq!(get(gear.address(), "/variable?GREETING").body, "(unset)");
    gear.set("GREETING", "good day");
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/variable?GREETING").body, "good day");
}

#[test]
fn files_that_a_reboot_left_behind_are_no_obstacle() {
    let gear = running(&fixture("mirror"), &[]);
    gear.control("stop").done();
    let run = gear.cartridge().join("run");
    // A pid that belongs to somebody else now: nothing may be killed by it.
    let bystander = std::process::id();
    for name in ["nginx.pid", "supervisor.pid", "appserver.pid"] {
        cart_core::files::write_atomic(&run.join(name), format!("{bystander}\n").as_bytes(), 0o644)
            .unwrap();
    }
    for name in ["appserver.sock", "supervisor.sock"] {
        drop(std::os::unix::net::UnixListener::bind(run.join(name)).unwrap());
    }
    gear.control("stop").done();
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("restart").done();
    gear.control("stop").done();
}

#[test]
fn tidy_empties_logs_that_are_open_and_they_are_written_on() {
    let gear = running(&fixture("mirror"), &[]);
    let _ = get(gear.address(), "/before");
    let logged = |what: &'static str| {
        let gear = &gear;
        wait::until(LIMIT, move || gear.log("nginx-access.log").contains(what).then_some(()))
    };
    assert!(logged("/before").is_some());
    gear.control("tidy").done();
    assert!(!gear.log("nginx-access.log").contains("/before"));
    let _ = get(gear.address(), "/after");
    assert!(logged("/after").is_some());
}

#[test]
fn unknown_actions_and_a_stop_before_the_first_start_are_done() {
    let gear = empty_gear(&[]);
    for action in ["stop", "pre-snapshot", "no-such-action"] {
        gear.control(action).done();
    }
}

#[test]
fn a_build_with_nothing_to_do_has_nothing_to_say() {
    let gear = running(&fixture("mirror"), &[]);
    assert_eq!(gear.control("build").done().text, "");
    gear.write("requirements.txt", "# nothing yet\n");
    gear.control("build").done();
    assert_eq!(gear.control("build").done().text, "");
}

/// An app that does not end at once when it is told to, by what the variable MODE says.
const HOLDS_UP: &str = "
import os, signal, threading, time
MODE = os.environ['MODE']
def forever():
    while True: time.sleep(0.5)
if MODE == 'thread': threading.Thread(target=forever, name='poller').start()
if MODE == 'signal': signal.signal(signal.SIGTERM, lambda *a: None)
def application(environ, start_response):
    if environ['PATH_INFO'] == '/hang':
        open('hangs', 'w').close()
        forever()
    start_response('200 OK', [])
    return [b'ok']
";

#[test]
fn what_held_up_an_end_is_said_as_what_it_is() {
    let one_second = [("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "1"), ("OPENSHIFT_PYTHON_WORKERS", "1")];
    let gear = running(&fixture("mirror"), &one_second);
    gear.write("app.py", HOLDS_UP);
    let hangs = gear.repo().join("hangs");
    for (server, mode, said, not_said) in [
        ("wsgiref", "thread", "threads of the app's own did (poller)", "still ran"),
        ("gevent", "thread", "threads of the app's own did (poller)", "still ran"),
        ("wsgiref", "request", "1 request still ran", "threads of"),
        ("gevent", "request", "1 request still ran", "threads of"),
        ("gunicorn", "signal", "The app handles SIGTERM itself", "still ran"),
        ("gunicorn", "thread", "has not ended within 1 s and is killed", "handles SIGTERM"),
        ("wsgiref", "signal", "", "stopped after"),
    ] {
        gear.set(SERVER, server);
        gear.set("MODE", mode);
        gear.control("tidy").done();
        gear.control("start").done();
        std::thread::scope(|scope| {
            let asked =
                (mode == "request").then(|| scope.spawn(|| try_get(gear.address(), "/hang")));
            if asked.is_some() {
                assert!(wait::until(LIMIT, || hangs.exists().then_some(())).is_some(), "{server}");
                std::fs::remove_file(&hangs).unwrap();
            }
            gear.control("stop").done();
        });
        let log = gear.log("appserver.log");
        assert!(log.contains(said) && !log.contains(not_said), "{server} {mode}: {log}");
    }
}
