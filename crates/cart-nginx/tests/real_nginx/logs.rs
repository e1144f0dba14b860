//! The access log as JSON, and what a request is called in it.

use std::time::SystemTime;

use cart_core::wait;
use cart_nginx::layout;
use cart_nginx::traffic::Latency;
use serde_json::Value;

use crate::app::{App, Reply};
use crate::bench::{Bench, LIMIT};

const NOBODY: (&str, &str) = ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none");
const JSON: (&str, &str) = ("OPENSHIFT_LOG_FORMAT", "json");

fn access_log(bench: &Bench) -> String {
    let log = cart_core::files::read(&layout::access_log(&bench.dir)).unwrap();
    String::from_utf8_lossy(&log).into_owned()
}

/// The line of the log that has `what` in it, once it is written.
fn logged(bench: &Bench, what: &str) -> Value {
    let line = || access_log(bench).lines().find(|line| line.contains(what)).map(str::to_owned);
    let line = wait::until(LIMIT, line).expect("nginx logs the request");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn each_request_is_an_object_whatever_its_client_says() {
    let bench = Bench::new().set(JSON.0, JSON.1).file("public/a.txt", "file");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let odd = "GET /\"quoted\\path\"?a=\"status\":101&b=\"seconds\":9 HTTP/1.1";
    let agent = "User-Agent: \"tab\there\\\" {}";
    let for_whom = "X-Forwarded-For: 192.0.2.7";
    let head = [odd, "Host: h", "Connection: close", agent, "Referer: http://r/", for_whom];
    assert_eq!(bench.ask(&head, b"").status(), 200);
    let line = logged(&bench, "quoted");
    let text = |name: &str| line[name].as_str().unwrap();
    assert_eq!(text("log"), "nginx-access");
    assert_eq!(line["status"], 200);
    assert!(line["bytes"].as_u64().unwrap() > 0 && line["seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(text("method"), "GET");
    assert_eq!(text("path"), "/\"quoted\\path\"?a=\"status\":101&b=\"seconds\":9");
    assert_eq!((text("agent"), text("referer")), ("\"tab\there\\\" {}", "http://r/"));
    // By default, whoever is on this machine is believed.
    assert_eq!((text("peer"), text("for")), ("192.0.2.7", "192.0.2.7"));
    assert_eq!(app.last().header("x-request-id"), Some(text("request_id")));
    let (date, clock) = text("time").split_once('T').unwrap();
    assert_eq!((date.len(), clock.len()), ("2026-11-26".len(), "12:36:33.123+01:00".len()));
    assert_eq!(clock.as_bytes()[8], b'.');

    // Also what is no request, and a file.
    assert_eq!(bench.ask(&["\u{1}\u{2} nonsense"], b"").status(), 400);
    assert_eq!(logged(&bench, "\"status\":400")["method"], "");
    assert_eq!(bench.get("/a.txt").text(), "file");
    assert_eq!(logged(&bench, "/a.txt")["bytes"], 4);
    let counted = || Latency::of(&bench.dir, SystemTime::now()).filter(|it| it.requests == 3);
    assert!(wait::until(LIMIT, counted).unwrap().p99.as_secs() < 9, "{}", access_log(&bench));
}

#[test]
fn a_site_of_files_logs_json_too() {
    let bench = Bench::new().set(JSON.0, JSON.1).file("public/index.html", "home");
    let mut site = bench.site();
    site.upstream = None;
    let _nginx = bench.serve_site(&site);
    assert_eq!(bench.get("/").text(), "home");
    let line = logged(&bench, "\"path\":\"/\"");
    assert_eq!(line["request_id"].as_str().unwrap().len(), 32);
}

/// What the app and the client hear that the request is called.
fn called(bench: &Bench, app: &App, said: &[&str]) -> (String, Option<String>) {
    let head = [&["GET / HTTP/1.1", "Host: h", "Connection: close"], said].concat();
    let answer = bench.ask(&head, b"");
    let heard = app.last().header("x-request-id").unwrap().to_owned();
    (heard, answer.header("x-request-id").map(str::to_owned))
}

fn is_ours(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

#[test]
fn a_proxy_names_requests_and_a_stranger_does_not() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let long = format!("X-Request-ID: {}", "x".repeat(128));
    for plain in ["X-Request-ID: 01-ab_C.d", &long] {
        let (heard, told) = called(&bench, &app, &[plain]);
        assert_eq!(format!("X-Request-ID: {heard}"), plain);
        assert_eq!(told, Some(heard));
    }
    let long = format!("{long}x");
    for odd in [&[][..], &["X-Request-ID: a b"], &["X-Request-ID: \"a\""], &[&long]] {
        let (heard, told) = called(&bench, &app, odd);
        assert!(is_ours(&heard), "{odd:?}: {heard}");
        assert_eq!(told, Some(heard));
    }

    let bench = Bench::new().set(NOBODY.0, NOBODY.1);
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let (one, _) = called(&bench, &app, &["X-Request-ID: 01-ab_C.d"]);
    let (other, _) = called(&bench, &app, &["X_Request_ID: 01-ab_C.d"]);
    assert!(is_ours(&one) && is_ours(&other) && one != other);
}

#[test]
fn what_the_app_itself_says_to_the_client_is_left_to_it() {
    let bench = Bench::new();
    let _app = App::start(&bench.socket(), |request, _| {
        if request.start.contains("/die") {
            return Reply::Die;
        }
        Reply::Answer("404 Not Found\r\nX-Request-ID: the-apps", String::new())
    });
    let _nginx = bench.serve();
    let names = |path: &str| {
        let headers = bench.get(path).headers.into_iter();
        let of_it = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
        of_it.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(names("/"), ["the-apps"]);
    // Of an answer that nginx makes, too.
    let names = names("/die");
    assert!(names.len() == 1 && is_ours(&names[0]), "{names:?}");
}
