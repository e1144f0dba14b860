//! What a crash brings back while a change is under way, or has failed half-way.

use std::fs;
use std::time::Duration;

use cart_test::{TestGear, get};
use rustix::process::Signal;
use tests::processes::{kill_ours, nginx, server, settled};

use crate::cartridge::{SERVER, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);
const BROKEN: &str = "import no_such_module\ndef application(*_): pass\n";

fn kill_server(gear: &TestGear) {
    let process = server(gear);
    process.signal_group(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
}

fn directory(gear: &TestGear) -> String {
    get(gear.address(), "/variable?OPENSHIFT_REPO_DIR").body
}

#[test]
fn a_mistake_that_was_taken_back_is_forgotten() {
    let gear = running(&fixture("mirror"), &[]);
    let (app, aside) = (gear.repo().join("app.py"), gear.repo().join("app.py.aside"));
    fs::rename(&app, &aside).unwrap();
    gear.write("app.py", BROKEN);
    gear.control("restart").failed_saying(&["no_such_module", "still serves"]);
    fs::rename(&aside, &app).unwrap();
    gear.control("start").done();
    kill_server(&gear);
    assert_eq!(directory(&gear), format!("{}/", gear.repo()));
}

#[test]
fn new_code_is_the_last_good_one_although_nginx_failed_after_it() {
    let gear = running(&fixture("mirror"), &[]);
    let good = fs::read_to_string(gear.repo().join("app.py")).unwrap();
    gear.write("app.py", &good.replace("b\"mirror\"", "b\"second\""));
    gear.set("OPENSHIFT_NGINX_READ_TIMEOUT", "77");
    let nginx = nginx(&gear);
    nginx.signal(Signal::STOP);
    gear.control("restart").failed_saying(&["nginx"]);
    nginx.signal(Signal::CONT);
    assert!(settled(&gear, LIMIT));
    assert_eq!(get(gear.address(), "/").body, "second");

    gear.write("app.py", BROKEN);
    gear.control("restart").failed_saying(&["no_such_module", "still serves"]);
    assert!(settled(&gear, LIMIT));
    kill_server(&gear);
    assert_eq!(get(gear.address(), "/").body, "second");
}

#[test]
fn an_nginx_that_outlived_supervisor_and_server_is_not_taken_for_the_app() {
    let gear = running(&fixture("mirror"), &[]);
    let process = server(&gear);
    kill_ours(&gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    gear.set(SERVER, "no_such_server");
    gear.control("start").failed_saying(&["no_such_server", "What worked last was started"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}
