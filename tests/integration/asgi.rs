//! ASGI apps behind uvicorn and gunicorn's workers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cart_test::{TestGear, raw};

use crate::cartridge::{SERVER, fixture, running};
use crate::limits::{ask, many};

const LIMIT: Duration = Duration::from_secs(60);
const WORKER_CLASS: &str = "OPENSHIFT_PYTHON_WORKER_CLASS";
const SAID: &str = "Host: shop.example:81\r\nX-Forwarded-For: 203.0.113.9\r\n\
    X-Forwarded-Proto: https\r\nCookie: a=1\r\nX-Other: 1\r\nCookie: b=2\r\n";

#[test]
fn an_asgi_server_is_told_what_nginx_says() {
    let gear = running(&fixture("asgi"), &[(SERVER, "hypercorn")]);
    is_told(&gear);
    takes_long_requests(&gear);
    gear.set(SERVER, "granian");
    gear.control("restart").done();
    is_told(&gear);
}

#[test]
fn an_asgi_worker_is_told_what_nginx_says_and_takes_what_nginx_takes() {
    let gear = running(&fixture("asgi"), &[(SERVER, "uvicorn")]);
    is_told(&gear);
    takes_long_requests(&gear);
    let uvicorn = [(SERVER, "gunicorn"), (WORKER_CLASS, "uvicorn_worker.UvicornWorker")];
    let gear = running(&fixture("asgi"), &uvicorn);
    is_told(&gear);
    takes_long_requests(&gear);
    gear.set(WORKER_CLASS, "gunicorn.workers.gasgi.ASGIWorker");
    gear.control("restart").done();
    is_told(&gear);
    takes_long_requests(&gear);
    // An app's own file goes before the variables.
    gear.set(WORKER_CLASS, "");
    gear.write("gunicorn.conf.py", "worker_class = 'uvicorn_worker.UvicornH11Worker'\n");
    gear.control("restart").done();
    is_told(&gear);
    takes_long_requests(&gear);
}

fn is_told(gear: &TestGear) {
    let answer = raw(
        gear.address(),
        format!("GET / HTTP/1.1\r\nConnection: close\r\n{SAID}\r\n").as_bytes(),
    );
    let rest =
        r#""client": ["203.0.113.9", 0], "server": ["shop.example", 81], "cookie": ["a=1; b=2"]"#;
    let wanted = format!(r#"{{"scheme": "https", {rest}"#);
    assert!(answer.contains(&wanted), "{wanted} is not in {answer}");

    let mut stream = TcpStream::connect(gear.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    stream.write_all(format!("GET / HTTP/1.1\r\n{handshake}{SAID}\r\n").as_bytes()).unwrap();
    let wanted = format!(r#"{{"scheme": "wss", {rest}"#);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(&wanted) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{wanted} is not in {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
}

/// As much as nginx does.
fn takes_long_requests(gear: &TestGear) {
    let long = |bytes: usize| format!("X-Long: {}", "x".repeat(bytes));
    let target = format!("/?{}", "q".repeat(8000));
    for (headers, wanted) in [
        (many(900), r#""many": 900"#),
        (vec![long(8000)], r#""long": 8000"#),
        ((0..7).map(|_| long(8180)).collect(), r#""long": 57260"#),
        (Vec::new(), r#""query": 8000"#),
    ] {
        let answer = ask(gear, &target, &headers);
        assert!(answer.contains(wanted), "{wanted} is not in {answer:.400}");
    }
}
