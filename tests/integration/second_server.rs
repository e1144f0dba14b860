//! A second server beside the first, for WebSockets, and clients that stay with one worker.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{files, tree, wait};
use cart_test::{TestGear, WebSocket, get, raw};
use rustix::process::Signal;
use tests::processes;

use crate::cartridge::{empty_gear, fixture, running};
use crate::user_nginx::ORIGINAL;

const LIMIT: Duration = Duration::from_secs(60);
const APPLICATION: &str = "OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION";
const WEBSOCKET_SERVER: &str = "OPENSHIFT_PYTHON_WEBSOCKET_SERVER";

/// The fixture's gear: wsgiref, and uvicorn below /ws.
fn gear() -> TestGear {
    running(&fixture("two-servers"), &[(APPLICATION, "live.py")])
}

/// What each of the two says, without the process that does.
fn both(gear: &TestGear) -> [String; 2] {
    let first = get(gear.address(), "/wsx").body;
    let second = get(gear.address(), "/ws/a").body;
    let second = second.rsplit_once(' ').map_or(second.clone(), |(said, _)| said.to_owned());
    [first, second]
}

#[test]
fn a_second_server_gets_its_part_of_the_site_and_is_swapped_with_the_first() {
    let gear = gear();
    assert_eq!(both(&gear), ["first 1 /wsx", "second 1 /ws/a"]);
    assert_eq!(get(gear.address(), "/ws").status, 418);
    let mut socket = WebSocket::open(gear.address(), "/ws");
    assert_eq!(socket.exchange("one"), "second 1: one");
    let status = gear.control("status").done().text.clone();
    assert!(status.contains("\nBelow /ws: uvicorn\n"), "{status}");

    let edit = |file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(gear.repo().join(file)).unwrap();
        assert!(text.contains(from), "{text}");
        gear.write(file, &text.replace(from, to));
    };
    edit("app.py", "RELEASE = 1", "RELEASE = 2");
    edit("live.py", "RELEASE = 1", "RELEASE = 2");
    gear.control("restart").done();
    // A connection to the old one may have been kept for seconds.
    let swapped = |release| {
        let wanted = [format!("first {release} /wsx"), format!("second {release} /ws/a")];
        let is_so = || (both(&gear) == wanted).then_some(());
        assert!(wait::until(LIMIT, is_so).is_some(), "{:?}", both(&gear));
    };
    swapped(2);
    assert_eq!(socket.exchange("two"), "second 1: two", "an open one is not cut");

    // Either that does not come up keeps both from being replaced.
    edit("app.py", "RELEASE = 2", "RELEASE = 3");
    edit("live.py", "RELEASE = 2", "raise SystemExit(3)");
    gear.control("restart").failed_saying(&["its second server, uvicorn", "still serves"]);
    swapped(2);
    edit("live.py", "raise SystemExit(3)", "RELEASE = 3");
    edit("app.py", "RELEASE = 3", "raise SystemExit(3)");
    gear.control("restart").failed_saying(&["wsgiref", "still serves"]);
    swapped(2);

    // A killed one comes back as it was.
    processes::second_server(&gear).kill_group();
    swapped(2);

    // Not wanted any more, it goes, and the first gets everything.
    edit("app.py", "raise SystemExit(3)", "RELEASE = 4");
    gear.set(APPLICATION, "");
    gear.control("restart").done();
    let is_firsts = || (get(gear.address(), "/ws/a").body == "first 4 /ws/a").then_some(());
    assert!(wait::until(LIMIT, is_firsts).is_some());
    let alone = || {
        let status = gear.control("status").done().text.clone();
        (!status.contains("Below")).then_some(())
    };
    assert!(wait::until(LIMIT, alone).is_some());
}

#[test]
fn what_cannot_be_a_second_server_is_said_before_anything_changes() {
    let gear = gear();
    gear.set(WEBSOCKET_SERVER, "waitress");
    gear.control("restart").failed_saying(&[
        "waitress runs WSGI apps only, and the app is ASGI",
        "OPENSHIFT_PYTHON_WEBSOCKET_SERVER=uvicorn",
    ]);
    gear.set(WEBSOCKET_SERVER, "");
    gear.set(APPLICATION, "alive.py");
    gear.control("restart").failed_saying(&[APPLICATION, "alive.py"]);
    assert_eq!(both(&gear), ["first 1 /wsx", "second 1 /ws/a"]);
}

/// Who answers whom: one client asks several times, from an address that a proxy on this machine tells.
fn worker_of(gear: &TestGear, client: u8) -> BTreeSet<String> {
    let ask = |_| {
        let asked = format!(
            "GET /ws/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.{client}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(gear.address(), asked.as_bytes());
        answer.rsplit(' ').next().unwrap().to_owned()
    };
    (0..4).map(ask).collect()
}

#[test]
fn each_client_of_a_second_server_stays_with_one_of_its_workers() {
    let gear = gear();
    gear.set("OPENSHIFT_PYTHON_STICKY", "yes");
    gear.set("OPENSHIFT_PYTHON_WEBSOCKET_WORKERS", "3");
    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("Below /ws: 3 workers"), "{said}");
    assert!(said.contains("Below /ws: each client stays with one worker"), "{said}");
    // So many that each worker has some, wherever the gear's paths put them.
    let workers = || -> Vec<BTreeSet<String>> { (0..48).map(|c| worker_of(&gear, c)).collect() };
    let before = workers();
    assert!(before.iter().all(|workers| workers.len() == 1), "{before:?}");
    let all: BTreeSet<&String> = before.iter().flatten().collect();
    assert_eq!(all.len(), 3, "{before:?}");

    // Another takes a killed one's place, for its clients.
    let killed = before[0].first().unwrap().clone();
    ProcessId::of(killed.parse().unwrap()).unwrap().signal(Signal::KILL);
    let replaced = || {
        let now = worker_of(&gear, 0);
        (now.len() == 1 && !now.contains(&killed)).then_some(())
    };
    assert!(wait::until(LIMIT, replaced).is_some());
    for (before, now) in before.iter().zip(workers()) {
        assert_eq!(now.len(), 1, "{now:?}");
        assert!(before.contains(&killed) != before.is_superset(&now), "{before:?} {now:?}");
    }
}

#[test]
fn an_own_nginx_configuration_that_passes_nothing_to_the_second_server_is_told() {
    let gear = gear();
    let words = "nginx.conf.erb passes nothing to the second server, so the first one gets what is below /ws";
    let below = "location /ws { proxy_pass http://websocketserver; }\n    location / {";
    for (config, first_gets_all) in [
        (ORIGINAL.to_owned(), true),
        (ORIGINAL.replace("http://appserver", "http://$appserver"), false),
        (ORIGINAL.replace("location / {", below), false),
    ] {
        gear.write("nginx.conf.erb", &config);
        let said = gear.control("restart").done().text.clone();
        assert_eq!(said.contains(words), first_gets_all, "{said}");
        let who = if first_gets_all { "first" } else { "second" };
        assert_eq!(get(gear.address(), "/ws/a").body.split(' ').next().unwrap(), who, "{config}");
        gear.control("update-configuration").done();
        let said = gear.control("doctor").done().text.clone();
        assert_eq!(said.contains(words), first_gets_all, "{said}");
    }
}

#[test]
fn an_own_nginx_configuration_that_names_one_socket_of_several_is_told() {
    let gear = gear();
    gear.set("OPENSHIFT_PYTHON_STICKY", "yes");
    gear.set("OPENSHIFT_PYTHON_WORKERS", "2");
    let words = "nginx.conf.erb names run/appserver.sock, which is one worker's";
    let socket = gear.cartridge().join("run/appserver.sock");
    let itself = ORIGINAL.replace("http://appserver", &format!("http://unix:{socket}:"));
    for (config, is_cut_off) in [(ORIGINAL.to_owned(), false), (itself, true)] {
        gear.write("nginx.conf.erb", &config);
        let said = gear.control("restart").done().text.clone();
        assert_eq!(said.contains(words), is_cut_off, "{said}");
        assert_eq!(get(gear.address(), "/x").body, "first 1 /x", "{config}");
    }
}

#[test]
fn a_start_for_the_second_server_alone_mixes_no_releases() {
    let gear = gear();
    // What lies there now does not work, and the second server is to be started anew.
    let app = std::fs::read_to_string(fixture("two-servers").join("app.py")).unwrap();
    gear.write("app.py", &format!("{app}\nraise SystemExit(3)\n"));
    std::fs::remove_file(gear.cartridge().join("run/websocketserver.sock")).unwrap();
    gear.control("start").failed_saying(&["wsgiref", "still serves"]);
    assert_eq!(get(gear.address(), "/x").body, "first 1 /x");
    gear.write("app.py", &app);
    gear.control("start").done();
    assert_eq!(both(&gear), ["first 1 /wsx", "second 1 /ws/a"]);
}

/// An app of two files, in a folder of its own.
fn copied() -> (tempfile::TempDir, Utf8PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap().join("app");
    tree::copy(&fixture("two-servers"), &app, |_| false).unwrap();
    (place, app)
}

#[test]
fn an_app_that_serves_no_second_server_keeps_what_worked_last() {
    let (_keep, app) = copied();
    let mut gear = empty_gear(&[(APPLICATION, "live.py")]);
    gear.deploy(&app).done();
    gear.control("stop").done();
    files::write_atomic(
        &gear.repo().join("live.py"),
        b"application = None\nraise SystemExit(3)\n",
        0o644,
    )
    .unwrap();
    gear.control("start").failed_saying(&["its second server, wsgiref", "worked last"]);
    assert_eq!(both(&gear), ["first 1 /wsx", "second 1 /ws/a"]);
}
