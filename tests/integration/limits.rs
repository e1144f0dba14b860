//! What nginx lets through, every server takes: one limit each, whatever serves the app.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cart_core::{files, wait};
use cart_test::{TestGear, get, post};
use flate2::read::GzDecoder;
use tests::desync::{Way, by_name};
use tests::lost::SERVERS;

use crate::cartridge::{SERVER, fixture, running};
use crate::user_nginx::ORIGINAL;

const LIMIT: Duration = Duration::from_secs(60);
const WORKER_CLASS: &str = "OPENSHIFT_PYTHON_WORKER_CLASS";

/// The defaults.
const LINE: usize = 8 * 1024;
const HEAD: usize = 32 * 1024;
const RESPONSE_HEAD: usize = 32 * 1024;
const MEGABYTE: usize = 1024 * 1024;

/// Every server; gunicorn with other kinds of worker, too, and in versions that apps pin.
fn ways() -> impl Iterator<Item = &'static Way> {
    let more = ["gunicorn-gthread", "gunicorn-pywsgi", "gunicorn-23-sync", "gunicorn-20-gthread"];
    SERVERS.iter().copied().chain(more).map(|name| by_name(name).unwrap())
}

pub(crate) fn switch(gear: &TestGear, way: &Way) {
    gear.write("requirements.txt", "");
    way.bring_to(&gear.repo());
    gear.set(SERVER, way.server);
    gear.set(WORKER_CLASS, "");
    gear.set("OPENSHIFT_PYTHON_WSGI_APPLICATION", "");
    way.variables.iter().for_each(|(name, value)| gear.set(name, value));
    gear.control("restart").done();
}

/// Asks for `target` with these lines as headers. nginx may close in the middle of a request that
/// is too long.
pub(crate) fn ask(gear: &TestGear, target: &str, headers: &[String]) -> String {
    let mut head = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    let mut stream = TcpStream::connect(gear.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// `X-Long`, so many bytes with its line break.
fn long_header(bytes: usize) -> String {
    format!("X-Long: {}", "x".repeat(bytes - "X-Long: \r\n".len()))
}

pub(crate) fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("X-Many-{n}: x")).collect()
}

/// Something to ask for, with a request line of so many bytes.
fn long_target(bytes: usize) -> String {
    format!("/seen?{}", "q".repeat(bytes - "GET /seen? HTTP/1.1\r\n".len()))
}

#[track_caller]
fn passes(gear: &TestGear, target: &str, headers: &[String], seen: &str, way: &str) {
    let answer = ask(gear, target, headers);
    assert_eq!(status(&answer), "200", "{way}: {answer:.300}");
    assert!(answer.contains(seen), "{way}: {seen} is not in {answer:.600}");
}

#[track_caller]
fn refused(gear: &TestGear, target: &str, headers: &[String], wanted: &str, way: &str) {
    let answer = ask(gear, target, headers);
    assert_eq!(status(&answer), wanted, "{way}: {answer:.300}");
}

#[test]
fn what_nginx_lets_through_every_server_takes_and_passes_on_at_once() {
    let variables = [("OPENSHIFT_NGINX_MAX_BODY_SIZE", "1m"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&fixture("limits"), &variables);
    for (nth, way) in ways().enumerate() {
        switch(&gear, way);
        let way = way.name;
        requests_are_taken_up_to_the_limits(&gear, way);
        answers_have_one_limit_and_the_log_names_it(&gear, nth, way);
        for kind in ["text/event-stream", "text/plain", "application/json"] {
            events_arrive(&gear, kind, "", way);
        }
        // A browser accepts gzip, and an event stream is not compressed.
        events_arrive(&gear, "text/event-stream", "Accept-Encoding: gzip\r\n", way);
        events_arrive(&gear, "text/plain&no", "Accept-Encoding: gzip\r\n", way);
    }
}

fn requests_are_taken_up_to_the_limits(gear: &TestGear, way: &str) {
    let query = format!("query {},", LINE - "GET /seen? HTTP/1.1\r\n".len());
    passes(gear, &long_target(LINE), &[], &query, way);
    refused(gear, &long_target(LINE + 1), &[], "414", way);

    let long = format!("long {},", LINE - "X-Long: \r\n".len());
    passes(gear, "/seen", &[long_header(LINE)], &long, way);
    refused(gear, "/seen", &[long_header(LINE + 1)], "400", way);

    // Each more than half of a buffer: nothing fits in behind it.
    let total: Vec<String> =
        (0..HEAD / (LINE / 2 + 10)).map(|_| long_header(LINE / 2 + 10)).collect();
    passes(gear, "/seen", &total, "long ", way);
    let total: Vec<String> = (0..2 * HEAD / LINE + 1).map(|_| long_header(LINE)).collect();
    refused(gear, "/seen", &total, "400", way);

    passes(gear, "/seen", &many(900), "many 900,", way);
    // An nginx that does not count them lets them through.
    let too_many = ask(gear, "/seen", &many(1001));
    let refused_or_seen = status(&too_many) == "400" || too_many.contains("many 1001,");
    assert!(refused_or_seen, "{way}: {too_many:.300}");
    let cookies = ["Cookie: a=1".to_owned(), "X-Other: 1".to_owned(), "Cookie: b=2".to_owned()];
    passes(gear, "/seen", &cookies, "cookie a=1; b=2", way);

    assert_eq!(post(gear.address(), "/length", &vec![b'x'; MEGABYTE]).body, "1048576", "{way}");
    let too_large = [format!("Content-Length: {}", MEGABYTE + 1)];
    refused(gear, "/length", &too_large, "413", way);
}

fn answers_have_one_limit_and_the_log_names_it(gear: &TestGear, nth: usize, way: &str) {
    passes(gear, &format!("/headers?{RESPONSE_HEAD}"), &[], "\r\nok", way);
    // The server's own share is less than 1 KiB.
    let more = RESPONSE_HEAD + 1024 + nth;
    refused(gear, &format!("/headers?{more}"), &[], "502", way);
    let words = [&format!(" {more} bytes of headers"), "OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE"];
    let said = || words.iter().all(|w| gear.log("appserver.log").contains(w)).then_some(());
    assert!(wait::until(LIMIT, said).is_some(), "{way}: {}", gear.log("appserver.log"));
}

#[test]
fn every_limit_is_a_variable_and_silence_has_one() {
    let variables = [
        ("OPENSHIFT_NGINX_MAX_LINE_SIZE", "1m"),
        ("OPENSHIFT_NGINX_MAX_HEAD_SIZE", "1m"),
        ("OPENSHIFT_NGINX_MAX_HEADERS", "10000"),
        ("OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE", "1m"),
        ("OPENSHIFT_NGINX_READ_TIMEOUT", "5"),
        ("OPENSHIFT_PYTHON_WORKERS", "2"),
    ];
    let gear = running(&fixture("limits"), &variables);
    let speak = data(&gear, "speak");
    for way in SERVERS {
        files::remove_if_exists(&speak).unwrap();
        switch(&gear, by_name(way).unwrap());
        match cart_python::server::by_name(way).unwrap().largest_head() {
            None => heads_are_taken_up_to_a_megabyte(&gear, way),
            Some(bytes) => {
                let fits = usize::try_from(bytes).unwrap() - 4096; // nginx adds some
                let long = format!("long {},", fits - "X-Long: \r\n".len());
                passes(&gear, "/seen", &[long_header(fits)], &long, way);
                refused(&gear, "/seen", &[long_header(2 * fits)], "502", way);
                passes(&gear, &format!("/headers?{fits}"), &[], "\r\nok", way);
                refused(&gear, &format!("/headers?{}", 2 * fits), &[], "502", way);
            }
        }

        assert_eq!(get(gear.address(), "/silent").status, 504, "{way}");
        files::write_atomic(&speak, b"", 0o644).unwrap();
        assert_eq!(get(gear.address(), "/silent").body, "spoken", "{way}");
    }
}

fn heads_are_taken_up_to_a_megabyte(gear: &TestGear, way: &str) {
    let query = format!("query {},", MEGABYTE - "GET /seen? HTTP/1.1\r\n".len());
    passes(gear, &long_target(MEGABYTE), &[], &query, way);
    let long = format!("long {},", MEGABYTE - "X-Long: \r\n".len());
    passes(gear, "/seen", &[long_header(MEGABYTE)], &long, way);
    refused(gear, "/seen", &[long_header(MEGABYTE + 1)], "400", way);
    passes(gear, "/seen", &many(9900), "many 9900,", way);
    passes(gear, &format!("/headers?{MEGABYTE}"), &[], "\r\nok", way);
}

#[test]
fn what_an_app_brings_goes_before_the_cartridges_limits_and_lacks_none() {
    let variables = [("OPENSHIFT_NGINX_MAX_BODY_SIZE", "1m"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&fixture("limits"), &variables);
    let way = "wsgiref";
    gear.write("nginx.conf.erb", ORIGINAL);
    gear.control("reload").done();
    requests_are_taken_up_to_the_limits(&gear, way);
    answers_have_one_limit_and_the_log_names_it(&gear, 0, way);
    events_arrive(&gear, "text/event-stream", "", way);

    let way = "gunicorn-gthread";
    gear.write("gunicorn.conf.py", "limit_request_line = 100\n");
    switch(&gear, by_name(way).unwrap());
    passes(&gear, &long_target(100), &[], "query 79,", way);
    refused(&gear, &long_target(200), &[], "414", way);
}

/// gunicorn would kill a worker that is silent for 30 seconds.
#[test]
fn gunicorns_workers_may_be_silent_for_as_long_as_nginx_waits() {
    std::thread::scope(|threads| {
        for worker_class in ["gevent", "gthread", "sync"] {
            threads.spawn(move || {
                let variables = [(SERVER, "gunicorn"), (WORKER_CLASS, worker_class)];
                let gear = running(&fixture("limits"), &variables);
                let answer = get(gear.address(), "/hang?33");
                assert_eq!(answer.status, 200, "{worker_class}: {answer:?}");
            });
        }
    });
}

/// The app sends each event only after the one before was seen here.
fn events_arrive(gear: &TestGear, kind: &str, accepted: &str, way: &str) {
    let seen = |number: usize| data(gear, &format!("seen-{number}"));
    (0..3).for_each(|number| files::remove_if_exists(&seen(number)).unwrap());
    let mut stream = TcpStream::connect(gear.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request =
        format!("GET /events?{kind} HTTP/1.1\r\nHost: h\r\n{accepted}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(answer.read_line(&mut head).unwrap(), 0, "{way}, {kind}: {head}");
    }
    assert!(head.contains("Transfer-Encoding: chunked"), "{way}, {kind}: {head}");
    let mut body: Box<dyn Read> = Box::new(Chunks { answer, left: 0 });
    if head.contains("Content-Encoding: gzip") {
        body = Box::new(GzDecoder::new(body));
    }
    for number in 0..3 {
        let mut event = [0; "data: 0\n\n".len()];
        body.read_exact(&mut event).unwrap_or_else(|e| panic!("{way}, {kind}, {number}: {e}"));
        assert_eq!(event, format!("data: {number}\n\n").as_bytes(), "{way}, {kind}");
        files::write_atomic(&seen(number), b"", 0o644).unwrap();
    }
    assert_eq!(body.read_to_end(&mut Vec::new()).unwrap(), 0, "{way}, {kind}");
}

/// The body of an answer in chunks, which must end with the last one.
struct Chunks {
    answer: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut size = String::new();
            self.answer.read_line(&mut size)?;
            self.left = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let wanted = buffer.len().min(self.left);
        let count = self.answer.read(&mut buffer[..wanted])?;
        self.left -= count;
        if self.left == 0 {
            self.answer.read_line(&mut String::new())?;
        }
        Ok(count)
    }
}

fn data(gear: &TestGear, name: &str) -> camino::Utf8PathBuf {
    gear.gear().layout().home().join("app-root/data").join(name)
}
