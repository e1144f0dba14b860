//! Requests and answers, as clients of all kinds send and read them.

use std::io::{Read, Write};

use cart_test::{get, post, raw};

use super::super::stage::{MEGABYTE, connect, read_until};
use super::Stage;

/// More of them than any server has workers or threads.
const SLOW: usize = 40;

pub(super) fn head(stage: &Stage) {
    let asked = "HEAD /sizes HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = on_one_connection(stage, asked);
    let length = get(stage.address(), "/sizes").body.len();
    assert!(answer.contains(&format!("Content-Length: {length}\r\n")), "{answer}");
    is_followed_at_once(&answer);
}

pub(super) fn no_body(stage: &Stage) {
    for (page, status) in [("no-content", "204"), ("not-modified", "304")] {
        let asked = format!("GET /{page} HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = on_one_connection(stage, &asked);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        is_followed_at_once(&answer);
    }
}

/// What comes for this request and a GET behind it.
fn on_one_connection(stage: &Stage, request: &str) -> String {
    let next = "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    raw(stage.address(), format!("{request}{next}").as_bytes())
}

#[track_caller]
fn is_followed_at_once(answer: &str) {
    let (_, next) = answer.split_once("\r\n\r\n").unwrap();
    assert!(next.starts_with("HTTP/1.1 200 ") && next.ends_with("\r\n\r\nconformance"), "{answer}");
}

pub(super) fn asks_to_continue(stage: &Stage) {
    let mut stream = connect(stage.address());
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\
        Expect: 100-continue\r\n\r\n";
    let told = read_until(&mut stream, head, "\r\n\r\n");
    assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
    let answer = read_until(&mut stream, "body", "\r\n\r\nbody");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

pub(super) fn old_client(stage: &Stage) {
    let whole = raw(stage.address(), b"GET /sizes HTTP/1.0\r\n\r\n");
    assert!(whole.starts_with("HTTP/1.1 200 ") && whole.contains("query 0"), "{whole}");
    // Of unknown length: it ends with the connection, for who knows no chunks.
    let parts = raw(stage.address(), b"GET /parts HTTP/1.0\r\n\r\n");
    assert!(parts.ends_with("\r\n\r\none two three"), "{parts}");
}

pub(super) fn upload(stage: &Stage) {
    let body = vec![b'x'; 20 * MEGABYTE];
    assert_eq!(post(stage.address(), "/length", &body).body, body.len().to_string());
    assert_eq!(post(stage.address(), "/echo", b"name=value").body, "name=value");
    assert_eq!(post(stage.address(), "/echo", b"").body, "");
}

pub(super) fn chunked_upload(stage: &Stage) {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 100;
    let mut stream = connect(stage.address());
    let head = "POST /length HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK));
    for _ in 0..CHUNKS {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    let answer = read_until(&mut stream, "0\r\n\r\n", &(CHUNK * CHUNKS).to_string());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// Some have sent a part of a request, some do not read the answer that they asked for.
pub(super) fn slow_clients(stage: &Stage) {
    let length = MEGABYTE;
    let clients = |request: String| -> Vec<_> {
        let begun = |_| {
            let mut stream = connect(stage.address());
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        (0..SLOW).map(begun).collect()
    };
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbo";
    let senders = clients(post.to_owned());
    let readers =
        clients(format!("GET /long?{length} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    stage.page("/sizes");
    for mut sender in senders {
        read_until(&mut sender, "dy", "\r\n\r\nbody");
    }
    for mut reader in readers {
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(&vec![b'x'; length]), "{} bytes", answer.len());
    }
}

pub(super) fn ranges(stage: &Stage) {
    for (range, status, shown, body) in [
        ("", "200", "accept-ranges: bytes", "0123456789"),
        ("Range: bytes=2-5\r\n", "206", "content-range: bytes 2-5/10", "2345"),
        ("Range: bytes=20-25\r\n", "416", "content-range: bytes */10", ""),
    ] {
        let asked = format!("GET /range HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{range}\r\n");
        let answer = raw(stage.address(), asked.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{range:?}: {answer}");
        assert!(answer.to_ascii_lowercase().contains(shown), "{range:?}: {answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{range:?}: {answer}");
    }
}

pub(super) fn paths(stage: &Stage) {
    for (asked, path, query) in [
        ("/told/a%20b%2Fc", "/told/a b/c", ""),
        ("/told/%C3%A4%E2%82%AC?q=%C3%A4&r=a+b", "/told/ä€", "q=%C3%A4&r=a+b"),
        ("/told/a//b/%25C3?", "/told/a//b/%C3", ""),
        ("/told/a;b=1/c:d@e+f", "/told/a;b=1/c:d@e+f", ""),
    ] {
        let answer = super::super::ask(stage.address(), asked, &[]);
        for line in [format!("path={path}\n"), format!("query={query}\n")] {
            assert!(answer.contains(&line), "{asked}: {line:?} is not in {answer}");
        }
    }
}
