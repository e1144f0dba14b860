//! What nginx lets through by default; that every server takes it is the conformance suite's.

use std::time::Duration;

use cart_core::{files, wait};
use cart_test::{TestGear, get, post};
use tests::conformance::{ask, many, parts_arrive, status};
use tests::way::by_name;

use crate::cartridge::{SERVER, fixture, running};
use crate::user_nginx::ORIGINAL;

const LIMIT: Duration = Duration::from_secs(60);
const WORKER_CLASS: &str = "OPENSHIFT_PYTHON_WORKER_CLASS";

/// The defaults.
const LINE: usize = 8 * 1024;
const HEAD: usize = 32 * 1024;
const RESPONSE_HEAD: usize = 32 * 1024;
const MEGABYTE: usize = 1024 * 1024;

/// `X-Long`, so many bytes with its line break.
fn long_header(bytes: usize) -> String {
    format!("X-Long: {}", "x".repeat(bytes - "X-Long: \r\n".len()))
}

/// Something to ask for, with a request line of so many bytes.
fn long_target(bytes: usize) -> String {
    format!("/seen?{}", "q".repeat(bytes - "GET /seen? HTTP/1.1\r\n".len()))
}

#[track_caller]
fn passes(gear: &TestGear, target: &str, headers: &[String], seen: &str, way: &str) {
    let answer = ask(gear.address(), target, headers);
    assert_eq!(status(&answer), "200", "{way}: {answer:.300}");
    assert!(answer.contains(seen), "{way}: {seen} is not in {answer:.600}");
}

#[track_caller]
fn refused(gear: &TestGear, target: &str, headers: &[String], wanted: &str, way: &str) {
    let answer = ask(gear.address(), target, headers);
    assert_eq!(status(&answer), wanted, "{way}: {answer:.300}");
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
    let too_many = ask(gear.address(), "/seen", &many(1001));
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
fn nginx_waits_for_a_silent_app_as_long_as_it_was_told() {
    let gear = running(&fixture("limits"), &[("OPENSHIFT_NGINX_READ_TIMEOUT", "3")]);
    assert_eq!(get(gear.address(), "/silent").status, 504);
    files::write_atomic(&data(&gear, "speak"), b"", 0o644).unwrap();
    assert_eq!(get(gear.address(), "/silent").body, "spoken");
}

#[test]
fn what_an_app_brings_goes_before_the_cartridges_limits_and_lacks_none() {
    let variables = [("OPENSHIFT_NGINX_MAX_BODY_SIZE", "1m"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&fixture("limits"), &variables);
    requests_are_taken_up_to_the_limits(&gear, "by default");
    answers_have_one_limit_and_the_log_names_it(&gear, 0, "by default");

    let way = "behind the app's own configuration";
    gear.write("nginx.conf.erb", ORIGINAL);
    gear.control("reload").done();
    requests_are_taken_up_to_the_limits(&gear, way);
    answers_have_one_limit_and_the_log_names_it(&gear, 1, way);
    parts_arrive(&gear, "text/event-stream", "");

    let way = "gunicorn-gthread";
    gear.write("gunicorn.conf.py", "limit_request_line = 100\n");
    by_name(way).unwrap().switch(&gear);
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

fn data(gear: &TestGear, name: &str) -> camino::Utf8PathBuf {
    gear.gear().layout().home().join("app-root/data").join(name)
}
