//! Figures of what runs: true while requests wait and while the app is at them, on every server, and
//! told only to whom they are meant for.

use std::thread::JoinHandle;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, files, process, run, wait};
use cart_test::{Load, Rate, TestGear, WebSocket, get, raw, try_get};
use rustix::process::Signal;
use tests::figures::{becomes, figures, told};
use tests::processes;

use crate::cartridge::{SERVER, assembled, example, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);
const METRICS_PATH: &str = "OPENSHIFT_NGINX_METRICS_PATH";

/// Holds a request until the file that it names is there; for both interfaces.
const HOLDING: &str = r#"
import asyncio, os, time

def application(environ, start_response):
    while environ["PATH_INFO"] == "/hold" and not os.path.exists(environ["QUERY_STRING"]):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"done"]

async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    while scope["path"] == "/hold" and not os.path.exists(scope["query_string"].decode()):
        await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
"#;

#[test]
fn what_waits_and_what_is_in_work_is_counted_alike_on_every_server() {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let app = place.join("app");
    std::fs::create_dir(&app).unwrap();
    files::write_atomic(&app.join("app.py"), HOLDING.as_bytes(), 0o644).unwrap();
    let variables = [("OPENSHIFT_PYTHON_THREADS", "2"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&app, &variables);
    let ways = [
        ("wsgiref", "", "app:application", 4),
        ("gunicorn", "sync", "app:application", 2),
        ("gevent", "", "app:application", 5),
        ("uvicorn", "", "app:asgi", 5),
    ];
    for (server, class, application, most) in ways {
        gear.set(SERVER, server);
        gear.set("OPENSHIFT_PYTHON_WORKER_CLASS", class);
        gear.set("OPENSHIFT_PYTHON_APPLICATION", application);
        gear.control("restart").done();
        // nginx may have a connection to the one before, and asks on it: its figures are told no more.
        assert!(processes::settled(&gear, LIMIT), "{server}: old generations do not end");
        let before = told(&gear, &["requests"])["requests"];
        becomes(&gear, &[("appserver.queued", 0.0), ("appserver.busy", 0.0)], server);
        let go = place.join(server);
        let (address, path) = (gear.address(), format!("/hold?{go}"));
        let held: Vec<JoinHandle<String>> = (0..5)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || get(address, &path).body)
            })
            .collect();
        let (busy, queued) = (f64::from(most), f64::from(5 - most));
        becomes(&gear, &[("appserver.queued", queued), ("appserver.busy", busy)], server);
        files::write_atomic(&go, b"", 0o644).unwrap();
        held.into_iter().for_each(|held| assert_eq!(held.join().unwrap(), "done", "{server}"));
        becomes(&gear, &[("appserver.queued", 0.0), ("appserver.busy", 0.0)], server);
        let after = told(&gear, &["requests", "appserver.memory", "latency.p99"]);
        assert!(after["requests"] >= before + 5.0, "{server}: {before} {after:?}");
        assert!(after["appserver.memory"] > 1e6 && after["nginx.memory"] > 1e5, "{after:?}");
        assert!(after["latency.p50"] <= after["latency.p99"], "{after:?}");
    }
}

#[test]
fn an_open_websocket_is_in_work_and_does_not_count_as_a_slow_request() {
    let gear = running(&example("websocket-echo"), &[(SERVER, "gevent")]);
    let mut socket = WebSocket::open(gear.address(), "/echo");
    assert_eq!(socket.exchange("one"), "one");
    becomes(&gear, &[("appserver.busy", 1.0)], "an open socket");
    // What does not answer at once is left out of a line.
    let says_all = || {
        let said = gear.control("status").done().text.clone();
        let line = said.lines().last().unwrap();
        let words = [" requests; ", " MB; generation ", "; up ", "; no crash"];
        let all = words.iter().all(|word| line.contains(word));
        (line.starts_with("1 in work, 0 queued (1 worker); ") && all).then_some(())
    };
    let said = || gear.control("status").text;
    assert!(wait::until(LIMIT, says_all).is_some(), "{}", said());
    drop(socket);
    becomes(&gear, &[("appserver.busy", 0.0)], "no open socket");
}

#[test]
fn the_apps_own_nginx_configuration_and_no_access_log_leave_counts() {
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_NGINX_ACCESS_LOG", "off")]);
    gear.write("nginx.conf.erb", crate::user_nginx::ORIGINAL);
    gear.control("reload").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    let figures = told(&gear, &["requests", "appserver.busy"]);
    assert!(figures["requests"] > 0.0, "{figures:?}");
    assert!(!figures.contains_key("latency.p50"), "{figures:?}");
    // The question for them reached nobody's app.
    assert!(!gear.log("appserver.log").contains("cartridge-figures"));
}

/// The process that tells them.
fn teller(gear: &TestGear) -> Option<process::ProcessId> {
    let directory = gear.cartridge();
    let is_it = |pid: &u32| {
        let words = process::words(*pid);
        words.get(1).is_some_and(|w| w == "serve-metrics")
            && words.get(2).is_some_and(|w| *w == directory)
    };
    process::all().into_iter().find(is_it).and_then(process::ProcessId::of)
}

#[test]
fn prometheus_gets_them_from_this_machine_and_no_visitor_does() {
    let gear = running(&fixture("mirror"), &[]);
    assert_eq!(get(gear.address(), "/metrics").body, "mirror");
    assert_eq!(teller(&gear), None);
    gear.set(METRICS_PATH, "/metrics");
    gear.control("restart").done();
    // It tells none while the supervisor is too busy to answer it.
    let page = || {
        let answer = try_get(gear.address(), "/metrics").ok()?;
        (answer.status == 200).then_some(answer)
    };
    let shown = || {
        let answer = wait::until(LIMIT, page).expect("it tells figures");
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        for line in ["advanced_python_up 1", "advanced_python_running{service=\"appserver\"} 1"] {
            assert!(answer.body.lines().any(|l| l == line), "{line} is not in {}", answer.body);
        }
    };
    shown();
    assert_eq!(get(gear.address(), "/after").body, "mirror");
    let log = || gear.log("nginx-access.log");
    assert!(wait::until(LIMIT, || log().contains("GET /after ").then_some(())).is_some());
    assert_eq!(log().matches("GET /metrics ").count(), 1, "but the app's: {}", log());

    // For whom somebody else asks, be it with a lie, is a visitor.
    for header in [
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: localhost",
        "X-Real-IP: 127.0.0.1",
        "Forwarded: for=127.0.0.1",
        "Via: 1.1 proxy",
    ] {
        for (path, host) in [("/metrics", "h"), ("/", "cartridge-figures.invalid")] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n\r\n"
            );
            let answer = raw(gear.address(), request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 404 "), "{header}, {path}: {answer}");
        }
    }

    // It is supervised as the others are.
    let first = teller(&gear).unwrap();
    first.signal(Signal::KILL);
    assert!(first.wait_gone(LIMIT));
    assert!(wait::until(LIMIT, page).is_some(), "{}", gear.log("supervisor.log"));
    assert_ne!(teller(&gear), Some(first));

    // What worked last tells them, too.
    gear.control("stop").done();
    gear.set("OPENSHIFT_PYTHON_THREADS", "none");
    gear.control("start").failed_saying(&["worked last"]);
    shown();
    gear.set("OPENSHIFT_PYTHON_THREADS", "");
    gear.control("restart").done();

    // With an nginx configuration of the app's own, as the docs have it.
    let docs = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let (_, location) = docs.split_once("```nginx\n").unwrap();
    let (location, _) = location.split_once("```").unwrap();
    let own =
        crate::user_nginx::ORIGINAL.replacen("location /", &format!("{location}\nlocation /"), 1);
    assert!(own.contains("$sees_figures"));
    gear.write("nginx.conf.erb", &own);
    gear.control("reload").done();
    shown();

    gear.write("nginx.conf.erb", crate::user_nginx::ORIGINAL);
    gear.set(METRICS_PATH, "");
    gear.control("restart").done();
    assert!(wait::until(LIMIT, || teller(&gear).is_none().then_some(())).is_some());
    assert_eq!(get(gear.address(), "/metrics").body, "mirror");
    assert_eq!(told(&gear, &["up"])["up"], 1.0);
}

#[test]
fn gear_shows_what_our_cartridge_tells() {
    let cartridge = assembled();
    let program = tests::cartridge::gear(&cartridge);
    let gear = TestGear::kept(&cartridge, "3", &[], &fixture("mirror"), &program);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    let env = GearEnv::from_process();
    let env = GearEnv::new()
        .with("PATH", env.get("PATH").unwrap())
        .with("GEAR_HOME", gear.gear_home().unwrap().as_str());
    let answer = |args: &[&str]| {
        let command = CommandSpec::new(&program, &env).args(args.iter().copied());
        run::checked(&command, LIMIT).unwrap().stdout_text()
    };
    let name = gear.gear().name();
    // What does not answer at once is left out.
    let status = || answer(&["status", name, "--json"]);
    let tells_all = || {
        let status: serde_json::Value = serde_json::from_str(&status()).unwrap();
        let metrics = &status["metrics"];
        let ones = ["up", "supervised"].iter().all(|kind| metrics[*kind].as_u64() == Some(1));
        let kinds = ["appserver.memory", "appserver.queued", "nginx.running", "requests"];
        (ones && kinds.iter().all(|kind| metrics[*kind].is_u64())).then_some(())
    };
    assert!(wait::until(LIMIT, tells_all).is_some(), "{}", status());
    let table = || answer(&["top"]);
    let has_a_row = || {
        let table = table();
        let row: Vec<&str> = table.lines().nth(1).unwrap().split_ascii_whitespace().collect();
        assert_eq!(row[..2], [name, "started"], "{table}");
        row.iter().any(|cell| cell.ends_with("MB")).then_some(())
    };
    assert!(wait::until(LIMIT, has_a_row).is_some(), "{}", table());
}

/// Keeps something of every request; answers as a [`Load`] wants it.
const LEAKING: &str = r#"
import time
kept = []

def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/sequence"):
        kept.append(bytearray(b"x") * 10000)
    if environ["QUERY_STRING"] == "slow":
        time.sleep(1.0)
    if environ["REQUEST_METHOD"] == "POST":
        number = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        text = "POST %s" % number.decode("ascii")
    else:
        text = "GET %s" % environ["PATH_INFO"].rpartition("/")[2]
    body = text.encode("ascii")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"#;

/// Twice in a row, so that a successor is seen to be watched, too.
fn is_replaced_when_it_grows(server: &str, class: &str) {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    files::write_atomic(&app.join("app.py"), LEAKING.as_bytes(), 0o644).unwrap();
    let variables = [
        (SERVER, server),
        ("OPENSHIFT_PYTHON_WORKER_CLASS", class),
        ("OPENSHIFT_PYTHON_WORKERS", "1"),
        ("OPENSHIFT_PYTHON_MAX_MEMORY", "70m"),
    ];
    let gear = running(app, &variables);
    let generation = || figures(&gear).get("appserver.generation").copied();
    let first = told(&gear, &["appserver.generation"])["appserver.generation"];
    let load = Load::start(gear.address(), Rate::PerSecond(200));
    let log = || gear.log("supervisor.log");
    let replaced = || (log().matches(": the service is replaced").count() >= 2).then_some(());
    assert!(wait::until(LIMIT * 4, replaced).is_some(), "{server}: {}", log());
    let renewed = || (generation()? > first + 1.0).then_some(());
    assert!(wait::until(LIMIT, renewed).is_some(), "{server}: {}", log());
    // The one that was replaced first has finished meanwhile.
    let tally = load.finish();
    assert!(tally.answered > 500, "{server}: {tally:?}");
    assert_eq!(tally.lost(), 0, "{server}: {}", tally.losses());
    assert_eq!(told(&gear, &["appserver.crashes"])["appserver.crashes"], 0.0);
}

#[test]
fn wsgiref_that_grows_is_replaced_without_a_loss() {
    is_replaced_when_it_grows("wsgiref", "");
}

#[test]
fn a_worker_of_gunicorn_that_grows_is_replaced_without_a_loss() {
    is_replaced_when_it_grows("gunicorn", "gevent");
}
