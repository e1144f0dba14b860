//! What the original cartridge did wrong, as far as no other file of these tests is about it.

use camino::Utf8Path;
use cart_core::exit_code::{CONFIGURATION, FAILED, NOT_ANSWERING, NOT_RUNNING};
use cart_core::wait;
use cart_test::{WebSocket, get, try_get};
use rustix::process::Signal;
use tests::faults::LIMIT;

use crate::cartridge::{SERVER, empty_gear, example, fixture, running};

#[test]
fn status_does_not_take_a_502_for_a_running_app() {
    let gear = running(&fixture("mirror"), &[]);
    std::fs::remove_file(gear.cartridge().join("run/appserver.sock")).unwrap();
    assert_eq!(get(gear.address(), "/").status, 502);
    let status = gear.control("status");
    status.failed_saying(&["not well", "status 502"]);
    assert_eq!(status.code, i32::from(NOT_ANSWERING));
    assert!(!status.text.contains("is running"), "{}", status.text);
    gear.control("start").done();
    gear.control("status").done();
}

#[test]
fn a_first_start_with_a_mistake_in_a_file_of_the_apps_leaves_nothing_running() {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    let write = |file: &str, content: &str| {
        cart_core::files::write_atomic(&app.join(file), content.as_bytes(), 0o644).unwrap();
    };
    let mut gear = empty_gear(&[]);
    write("app.py", "def application(environ, start_response:\n");
    let refused = gear.deploy(app);
    refused.failed_saying(&["SyntaxError", "app.py"]);
    assert_eq!(refused.code, i32::from(FAILED));
    write("app.py", &std::fs::read_to_string(fixture("mirror").join("app.py")).unwrap());
    write("nginx.conf.erb", "server {\n  listen <%= nothing_of_that_name %>;\n}\n");
    let refused = gear.deploy(app);
    refused.failed_saying(&["nginx.conf.erb:2", "nothing_of_that_name"]);
    assert_eq!(refused.code, i32::from(CONFIGURATION));
    assert_eq!(gear.control("status").code, i32::from(NOT_RUNNING));
    assert_eq!(gear.gear().processes().alive(), []);
}

#[test]
fn a_stop_lets_requests_in_flight_finish() {
    let gear = running(&fixture("mirror"), &[]);
    let code = std::fs::read_to_string(gear.repo().join("app.py")).unwrap();
    gear.write("app.py", &code.replace("time.sleep(1.5)", "open('begun', 'w'); time.sleep(1.5)"));
    gear.control("restart").done();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| get(gear.address(), "/slow"));
        let begun = || gear.repo().join("begun").exists().then_some(());
        assert!(wait::until(LIMIT, begun).is_some());
        gear.control("stop").done();
        assert_eq!(slow.join().unwrap().body, "slow");
    });
    assert!(try_get(gear.address(), "/").is_err());
}

#[test]
fn another_server_comes_with_a_reload_and_again_after_everything_was_killed() {
    // Twice as many as the original's nginx had connections for.
    const MANY: usize = 600;
    let gear = running(&example("websocket-echo"), &[]);
    gear.set(SERVER, "gevent");
    gear.control("reload").done();
    assert_eq!(gear.control("server").done().text, "gevent");
    let mut sockets: Vec<WebSocket> =
        (0..MANY).map(|_| WebSocket::open(gear.address(), "/echo")).collect();
    for socket in &mut sockets {
        assert_eq!(socket.exchange("still here"), "still here");
    }
    let all = gear.gear().processes().alive();
    all.iter().for_each(|process| process.signal(Signal::KILL));
    assert!(all.into_iter().all(|process| process.wait_gone(LIMIT)));
    assert!(
        gear.cartridge().join("run/appserver.sock").exists(),
        "nothing is left to be in the way"
    );
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/health").body, "1");
}
