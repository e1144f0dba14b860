//! What a swap, and the end of a main process, do to WebSockets and workers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cart_core::wait;
use cart_python::interface::Interface;
use cart_test::{TestGear, WebSocket, get, try_get};
use rustix::process::Signal;
use tests::lost::pass;
use tests::processes;
use tests::way::{self, by_name};

use crate::cartridge::{example, fixture, running};

const LIMIT: Duration = Duration::from_secs(90);
/// Every server of ASGI apps, and what else gunicorn has for them.
const WAYS: [&str; 5] = ["uvicorn", "hypercorn", "granian", "gunicorn-asgi", "gunicorn-uvicorn"];

/// nginx lets nobody in any more, and waits for those who stay; the app tells them to come again.
#[test]
fn a_websocket_is_told_at_a_stop_that_it_is_one() {
    let gear = gear();
    by_name("uvicorn").unwrap().switch(&gear);
    let mut socket = WebSocket::open(gear.address(), "/ws");
    assert_eq!(socket.exchange("before"), "before");
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| assert_eq!(gear.control("stop").code, 0));
        assert_eq!(socket.closed_with(), 1012);
        stop.join().unwrap();
    });
    assert!(try_get(gear.address(), "/").is_err());
}

/// The app is not told to end while nobody is connected to it, for somebody may be on the way.
#[test]
fn an_upload_that_was_begun_before_a_stop_arrives_however_long_it_takes_on_every_server() {
    let servers = way::WAYS.iter().filter(|way| way.name == way.server);
    let gears: Vec<TestGear> = servers
        .map(|way| {
            let gear = gear();
            way.switch(&gear);
            gear
        })
        .collect();
    assert!(gears.len() >= 10, "{}", gears.len());
    std::thread::scope(|scope| {
        for gear in &gears {
            scope.spawn(|| uploads_slowly_beside_a_stop(gear));
        }
    });
}

fn uploads_slowly_beside_a_stop(gear: &TestGear) {
    const SECONDS: usize = 20;
    let mut upload = TcpStream::connect(gear.address()).unwrap();
    let head = "POST /length HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n";
    write!(upload, "{head}Content-Length: {SECONDS}\r\n\r\n").unwrap();
    // Whoever gets that is in nginx's hands.
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    upload.read_exact(&mut go_on).unwrap();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| assert_eq!(gear.control("stop").code, 0));
        for _ in 0..SECONDS {
            upload.write_all(b"x").unwrap();
            pass(Duration::from_secs(1));
        }
        let mut answer = String::new();
        upload.read_to_string(&mut answer).unwrap();
        let ends = [format!("\r\n\r\n{SECONDS}"), format!("\r\n{SECONDS}\r\n0\r\n\r\n")];
        let arrived = ends.iter().any(|end| answer.ends_with(end));
        let said = gear.log("supervisor.log");
        assert!(answer.starts_with("HTTP/1.1 200 ") && arrived, "{said}: {answer}");
        stop.join().unwrap();
    });
    assert!(try_get(gear.address(), "/").is_err());
}

fn gear() -> TestGear {
    let variables = [("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "4"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    running(&fixture("mirror"), &variables)
}

#[test]
fn websockets_of_asgi_apps_outlive_a_swap_and_are_told_to_come_back_before_the_drain_is_over() {
    let gear = gear();
    for way in WAYS {
        by_name(way).unwrap().switch(&gear);
        assert!(processes::settled(&gear, LIMIT), "{way}: old generations do not end");
        let mut sockets = [(); 3].map(|()| WebSocket::open(gear.address(), "/ws"));
        // This one's client takes no notice of anything, and holds nobody up.
        let mut deaf = WebSocket::open(gear.address(), "/ws");
        assert_eq!(deaf.exchange("before"), "before", "{way}");
        gear.control("restart").done();
        for socket in &mut sockets {
            assert_eq!(socket.exchange("after"), "after", "{way}");
        }
        for socket in &mut sockets {
            assert_eq!(socket.closed_with(), 1012, "{way}");
        }
        assert!(processes::settled(&gear, LIMIT), "{way}: {}", gear.log("supervisor.log"));
    }
    let log = gear.log("supervisor.log");
    assert!(!log.contains("did not end in time"), "{log}");
}

#[test]
fn websockets_of_wsgi_apps_by_simple_websocket_outlive_a_swap_and_are_told_to_come_back() {
    let variables = [("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "4")];
    let gear = running(&example("websocket-echo"), &variables);
    for (server, class) in
        [("wsgiref", ""), ("gevent", ""), ("gunicorn", "gevent"), ("gunicorn", "gthread")]
    {
        gear.set("OPENSHIFT_PYTHON_SERVER", server);
        gear.set("OPENSHIFT_PYTHON_WORKER_CLASS", class);
        gear.control("restart").done();
        let mut sockets = [(); 3].map(|()| WebSocket::open(gear.address(), "/echo"));
        gear.control("restart").done();
        for socket in &mut sockets {
            assert_eq!(socket.exchange("after"), "after", "{server} {class}");
        }
        for socket in &mut sockets {
            assert_eq!(socket.closed_with(), 1012, "{server} {class}");
        }
    }
}

#[test]
fn workers_end_when_their_main_process_was_killed_whoever_has_a_websocket_to_them() {
    let gear = gear();
    for way in WAYS.into_iter().chain(["gunicorn", "gunicorn-gthread", "gunicorn-sync"]) {
        let way = by_name(way).unwrap();
        way.switch(&gear);
        assert!(processes::settled(&gear, LIMIT), "{}: old generations do not end", way.name);
        let main = processes::server(&gear);
        let all = || Some(processes::those_of(main, "bin/python")).filter(|all| all.len() == 2);
        let workers = wait::until(LIMIT, all).expect("two workers");
        let mut socket =
            (way.interface() == Interface::Asgi).then(|| WebSocket::open(gear.address(), "/ws"));
        if let Some(socket) = &mut socket {
            assert_eq!(socket.exchange("before"), "before", "{}", way.name);
        }
        main.signal(Signal::KILL);
        for worker in &workers {
            assert!(worker.wait_gone(LIMIT), "{}: {} lives on", way.name, worker.pid);
        }
        let serves = || try_get(gear.address(), "/pid").ok().filter(|answer| answer.status == 200);
        assert!(wait::until(LIMIT, serves).is_some(), "{}", way.name);
        let serving: u32 = get(gear.address(), "/pid").body.parse().unwrap();
        assert!(workers.iter().all(|worker| worker.pid != serving), "{}", way.name);
    }
}
