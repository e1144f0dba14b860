//! Logs as JSON, from nginx, the app and `gear` itself.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use camino::Utf8Path;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, files, run, wait};
use cart_test::raw;
use rustix::process::Signal;
use serde_json::Value;
use tests::cartridge::gear;

use crate::cartridge::{assembled, fixture, running, serve};

const LIMIT: Duration = Duration::from_secs(60);
const FORMAT: &str = "OPENSHIFT_LOG_FORMAT";
const TRUSTED_PROXIES: &str = "OPENSHIFT_NGINX_TRUSTED_PROXIES";

/// An app that logs as people do, and as programs do; and one that dies.
const APP: &str = r#"
import json, os

def application(environ, start_response):
    if environ["PATH_INFO"] == "/die":
        os._exit(7)
    # The cartridge's own question whether the app answers has none.
    called = environ.get("HTTP_X_REQUEST_ID")
    print('He said "hello" to', called, flush=True)
    print(json.dumps({"event": "asked", "id": called}), flush=True)
    os.write(1, b"bytes \xff \x01 \\ \n{\n")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"#;

/// A `gear serve` whose lines on standard output are read as they come.
struct Serving {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<Value>,
}

impl Serving {
    fn start(app: &Utf8Path) -> Self {
        let env = GearEnv::from_process();
        let env = GearEnv::new().with("PATH", env.get("PATH").unwrap()).with(FORMAT, "json");
        let command = CommandSpec::new(gear(&assembled()), &env).args(serve()).args([
            "--env",
            &format!("{TRUSTED_PROXIES}=none"),
            app.as_str(),
        ]);
        let mut child = run::piped(&command).unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let all = out.lines().map_while(Result::ok);
            all.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits for a line that `is_it`; each one on the way is an object of the schema.
    fn hear(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(found) = self.heard.iter().find(|line| is_it(line)) {
                return found.clone();
            }
            let line = self.lines.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("no {what} in {:#?}", self.heard));
            self.heard.push(object(&line));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(gear) = ProcessId::of(self.child.id()) {
            gear.signal(Signal::TERM);
            let _ = wait::until(LIMIT, || self.child.try_wait().unwrap());
        }
    }
}

/// Of a line, which has what all have.
fn object(line: &str) -> Value {
    let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert!(object["time"].as_str().is_some_and(|time| time.contains('T')), "{line}");
    assert!(object["log"].is_string(), "{line}");
    let says = ["message", "event"].iter().any(|name| object[name].is_string());
    assert!(says || object["status"].is_u64(), "{line}");
    object
}

#[test]
fn each_line_of_gear_serve_is_an_object_and_requests_have_one_name_in_all_logs() {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    files::write_atomic(&app.join("app.py"), APP.as_bytes(), 0o644).unwrap();
    let mut serving = Serving::start(app);
    let said = |line: &Value, log: &str, text: &str| {
        line["log"] == log && line["message"].as_str().is_some_and(|said| said.contains(text))
    };
    let url = serving.hear("URL", |line| said(line, "gear", "Serving "));
    let url = url["message"].as_str().unwrap();
    let address = url.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
    let address = address.trim_end_matches('/').parse().unwrap();

    let ask = |path: &[u8]| {
        let head =
            b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Request-ID: a-strangers\r\n\r\n";
        raw(address, &[b"GET ", path, head].concat())
    };
    let answer = ask(b"/odd\"\\\xff?\xfe=1");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let told = answer.lines().find_map(|line| line.strip_prefix("X-Request-ID: ")).unwrap();
    let asked = serving
        .hear("request", |line| line["path"].as_str().is_some_and(|path| path.starts_with("/odd")));
    assert_eq!(asked["path"], "/odd\"\\\u{fffd}?\u{fffd}=1");
    assert_eq!((&asked["log"], &asked["status"]), (&"nginx-access".into(), &200.into()));
    assert_eq!((&asked["request_id"], told.len()), (&told.into(), 32));
    // What the app printed for people, for programs, and for nobody.
    serving.hear("text", |line| said(line, "appserver", &format!("\"hello\" to {told}")));
    let event = serving.hear("event", |line| line["id"] == told);
    assert_eq!((&event["log"], &event["event"]), (&"appserver".into(), &"asked".into()));
    serving.hear("bytes", |line| said(line, "appserver", "bytes \u{fffd} \u{1} \\"));

    assert!(raw(address, b"\x01\xff\r\n\r\n").contains(" 400 "));
    serving.hear("nonsense", |line| line["status"] == 400);
    assert!(ask(b"/die").starts_with("HTTP/1.1 502 "));
    let wrong = serving.hear("error", |line| said(line, "nginx-error", "prematurely closed"));
    assert_eq!(wrong["level"], "error");
    serving.hear("end of the server", |line| said(line, "supervisor", ""));

    ProcessId::of(serving.child.id()).unwrap().signal(Signal::TERM);
    serving.hear("end", |line| said(line, "gear", "teardown"));
    assert!(wait::until(LIMIT, || serving.child.try_wait().unwrap()).unwrap().success());
    // Whatever else there was to say.
    serving.lines.iter().for_each(|line| drop(object(&line)));
    let mut beside = String::new();
    serving.child.stderr.take().unwrap().read_to_string(&mut beside).unwrap();
    assert_eq!(beside, "");
}

#[test]
fn a_gear_takes_json_and_a_proxys_names_with_the_next_restart() {
    let gear = running(&fixture("mirror"), &[]);
    let ask = |id: &str| {
        let head = format!("GET /request?{id} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
        raw(gear.address(), format!("{head}X-Request-ID: {id}\r\n\r\n").as_bytes())
    };
    assert!(ask("as-text").contains("HTTP_X_REQUEST_ID=as-text\n"));
    gear.set(FORMAT, "xml");
    gear.control("restart").failed_saying(&[FORMAT, "\"xml\"", "json or text"]);
    gear.set(FORMAT, "json");
    gear.control("restart").done();
    assert!(ask("as-json").contains("HTTP_X_REQUEST_ID=as-json\n"));
    let line = |what: &str| {
        let log = || gear.log("nginx-access.log");
        let line = || log().lines().find(|line| line.contains(what)).map(str::to_owned);
        wait::until(LIMIT, line).unwrap_or_else(|| panic!("no {what} in {}", log()))
    };
    assert_eq!(object(&line("as-json"))["request_id"], "as-json");
    assert!(line("as-text").contains("\"GET /request?as-text HTTP/1.1\" 200"));

    gear.set(TRUSTED_PROXIES, "none");
    gear.control("restart").done();
    let answer = ask("a-strangers");
    let heard = answer.lines().find_map(|line| line.strip_prefix("HTTP_X_REQUEST_ID=")).unwrap();
    assert_ne!(heard, "a-strangers");
    assert_eq!(object(&line("a-strangers"))["request_id"], heard);
}
