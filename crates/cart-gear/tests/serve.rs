//! The program `gear serve`, with the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, run, wait};
use rustix::process::Signal;

use common::{Place, mentioning, path};

const LIMIT: Duration = Duration::from_secs(30);

/// A running `gear serve`.
struct Serving {
    child: Child,
    /// Lines of standard error.
    heard: Receiver<String>,
    /// Those that were looked at already.
    past: Vec<String>,
}

impl Serving {
    fn start(place: &Place, env: &[(&str, &str)], args: &[&str]) -> Self {
        let mut environment = GearEnv::new()
            .with("PATH", path())
            .with("TMPDIR", place.gears.as_str())
            .with("LEAKED", "no");
        for (name, value) in env {
            environment.set(*name, *value);
        }
        let record = format!("RECORD_TO={}", place.records);
        let command = CommandSpec::new(env!("CARGO_BIN_EXE_gear"), &environment)
            .args(["serve", place.app.as_str(), "--cartridge", place.cartridge.as_str()])
            .args(["--env", &record])
            .args(args.iter().copied());
        let mut child = run::piped(&command).unwrap();
        let heard = lines(child.stderr.take().unwrap());
        Self { child, heard, past: Vec::new() }
    }

    /// The line on standard output, or nothing when the program ended without one.
    fn said(&mut self) -> String {
        let mut line = String::new();
        let mut out = BufReader::new(self.child.stdout.as_mut().unwrap());
        out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits for a line on standard error.
    fn hear(&mut self, text: &str) {
        while !self.past.iter().any(|line| line.contains(text)) {
            match self.heard.recv_timeout(LIMIT) {
                Ok(line) => self.past.push(line),
                Err(_) => panic!("{text:?} was not said, but:\n{}", self.past.join("\n")),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        ProcessId::of(self.child.id()).unwrap().signal(signal);
    }

    /// Waits for the end; answers the exit code and all of standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut ended: Option<ExitStatus> = None;
        let waited = wait::until(LIMIT, || {
            ended = self.child.try_wait().unwrap();
            ended.map(|_| ())
        });
        assert!(waited.is_some(), "gear did not end:\n{}", self.past.join("\n"));
        self.past.extend(self.heard.iter());
        (ended.and_then(|status| status.code()), self.past.join("\n"))
    }
}

fn lines(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn get(url: &str) -> String {
    let body = ureq::get(url).call().unwrap().into_body().into_reader();
    let mut text = String::new();
    body.take(1 << 20).read_to_string(&mut text).unwrap();
    text
}

fn url_in(line: &str) -> &str {
    let from = line.find("http://").unwrap_or_else(|| panic!("no URL in {line:?}"));
    line[from..].split(' ').next().unwrap()
}

fn nothing_is_left(place: &Place) {
    assert!(place.left_behind().is_empty(), "{:?}", place.left_behind());
    assert!(mentioning(place.gears.as_str()).is_empty());
}

#[test]
fn an_app_is_served_its_logs_are_followed_and_term_removes_everything() {
    let place = Place::new();
    let mut gear = Serving::start(&place, &[], &["--listen", "127.0.0.1:0"]);
    let line = gear.said();
    let expected = format!("Serving {} at http://127.0.0.1:", place.app);
    assert!(line.starts_with(&expected) && line.ends_with("/ (Ctrl-C stops it)"), "{line}");
    assert!(get(url_in(&line)).contains("A small app"));
    let missing = ureq::get(format!("{}seen-in-the-log", url_in(&line))).call();
    assert!(missing.is_err());
    gear.hear("web.log: ");
    gear.hear("seen-in-the-log");
    gear.signal(Signal::TERM);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(0), "{heard}");
    assert!(heard.contains("gear: bin/install\ninstall --version 1 done\n"), "{heard}");
    assert!(!heard.contains("plain words"), "{heard}");
    assert_eq!(place.calls().last().unwrap(), "teardown");
    nothing_is_left(&place);
}

#[test]
fn where_json_is_wanted_all_that_is_said_is_objects_on_standard_output() {
    let place = Place::new();
    let env = [("OPENSHIFT_LOG_FORMAT", "json")];
    let mut gear = Serving::start(&place, &env, &["--listen", "127.0.0.1:0"]);
    let mut said = Vec::new();
    let mut lines = BufReader::new(gear.child.stdout.take().unwrap()).lines();
    let mut until = |what: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("no {what}: {said:?}")).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        for name in ["time", "log", "message"] {
            assert!(object[name].is_string(), "{line}");
        }
        said.push(object.clone());
        if object["message"].as_str().unwrap().contains(what) {
            return object;
        }
    };
    assert_eq!(until("bin/install")["log"], "gear");
    assert_eq!(until("install --version 1 done")["level"], "info");
    let serving = until("Serving ");
    assert_eq!(serving["log"], "gear");
    let page = format!("{}seen-in-the-log", url_in(serving["message"].as_str().unwrap()));
    assert!(ureq::get(page).call().is_err());
    assert_eq!(until("seen-in-the-log")["log"], "web");
    gear.signal(Signal::TERM);
    until("teardown");
    assert_eq!(gear.end(), (Some(0), String::new()));

    let (code, heard) = Serving::start(&place, &[(env[0].0, "xml")], &[]).end();
    assert_eq!(code, Some(2));
    assert_eq!(heard, "gear: OPENSHIFT_LOG_FORMAT is \"xml\", but allowed is: json or text");
    nothing_is_left(&place);
}

#[test]
fn only_what_was_meant_for_the_gear_reaches_the_scripts() {
    let place = Place::new();
    let env = [
        ("OPENSHIFT_PYTHON_SERVER", "gevent"),
        ("OPENSHIFT_PYTHON_WORKERS", "3"),
        ("PIP_INDEX_URL", "http://index.invalid/"),
    ];
    let args = ["--listen", "127.0.0.1:0", "--server", "gunicorn", "--env", "MINE=a=b"];
    let mut gear = Serving::start(&place, &env, &args);
    gear.said();
    gear.signal(Signal::INT);
    assert_eq!(gear.end().0, Some(0));
    let saw = |name| place.saw("setup --version 1", name);
    assert_eq!(saw("OPENSHIFT_PYTHON_SERVER").as_deref(), Some("gunicorn"));
    assert_eq!(saw("OPENSHIFT_PYTHON_WORKERS").as_deref(), Some("3"));
    assert_eq!(saw("PIP_INDEX_URL").as_deref(), Some("http://index.invalid/"));
    assert_eq!(saw("MINE").as_deref(), Some("a=b"));
    assert_eq!(saw("LEAKED"), None);
    nothing_is_left(&place);
}

#[test]
fn an_address_that_is_taken_is_an_error_before_any_script_runs() {
    let place = Place::new();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let (code, heard) = Serving::start(&place, &[], &["--listen", &address]).end();
    assert_eq!(code, Some(1));
    assert!(heard.contains(&format!("gear: {address} is taken by ")), "{heard}");
    assert!(place.calls().is_empty());
    nothing_is_left(&place);
}

#[test]
fn a_default_port_that_is_taken_gives_the_next_one_and_says_so() {
    let place = Place::new();
    // Whoever else has it: it is taken.
    let _busy = TcpListener::bind("127.0.0.1:18080");
    let mut gear = Serving::start(&place, &[], &[]);
    let line = gear.said();
    assert!(!line.contains(":18080/"), "{line}");
    gear.signal(Signal::TERM);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(0));
    assert!(heard.contains("Port 18080 is taken; using "), "{heard}");
}

#[test]
fn a_failing_script_ends_it_with_its_words_and_code() {
    let place = Place::new();
    let args = ["--listen", "127.0.0.1:0", "--env", "FAIL_AT=setup --version 1"];
    let mut gear = Serving::start(&place, &[], &args);
    assert_eq!(gear.said(), "");
    let (code, heard) = gear.end();
    assert_eq!(code, Some(1));
    assert!(heard.ends_with("gear: bin/setup ended with exit code 9"), "{heard}");
    assert_eq!(heard.matches("told to fail").count(), 1, "{heard}");
    assert!(heard.contains("noise before the failure"), "{heard}");
    nothing_is_left(&place);
}

#[test]
fn an_interrupt_while_a_script_runs_removes_everything() {
    let place = Place::new();
    let args = ["--listen", "127.0.0.1:0", "--env", "HANG_AT=install --version 1"];
    let mut gear = Serving::start(&place, &[], &args);
    gear.hear("gear: bin/install");
    let recorded = wait::until(LIMIT, || (place.calls().len() == 2).then_some(()));
    assert!(recorded.is_some());
    gear.signal(Signal::INT);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(130), "{heard}");
    nothing_is_left(&place);
}

#[test]
fn a_second_interrupt_ends_a_stop_that_hangs() {
    let place = Place::new();
    let mut gear = Serving::start(&place, &[], &["--listen", "127.0.0.1:0"]);
    gear.said();
    // Only the last stop is to hang, so the variable is set on the gear that runs.
    let name = place.left_behind().pop().unwrap();
    let variable = place.gears.join(name).join(".env/user_vars/HANG_AT");
    cart_core::files::write_atomic(&variable, b"control stop", 0o644).unwrap();
    let stops = place.calls().iter().filter(|call| *call == "control stop").count();
    gear.signal(Signal::INT);
    let hangs = wait::until(LIMIT, || {
        let calls = place.calls();
        (calls.iter().filter(|call| *call == "control stop").count() > stops).then_some(())
    });
    assert!(hangs.is_some());
    gear.signal(Signal::INT);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(0), "{heard}");
    nothing_is_left(&place);
}

#[test]
fn told_to_end_while_it_reloads_it_ends() {
    let place = Place::new();
    let args = ["--listen", "127.0.0.1:0", "--env", "HANG_AT=control reload"];
    let mut gear = Serving::start(&place, &[], &args);
    gear.said();
    gear.signal(Signal::HUP);
    let reloads = || place.calls().contains(&"control reload".to_owned()).then_some(());
    assert!(wait::until(LIMIT, reloads).is_some());
    gear.signal(Signal::TERM);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(0), "{heard}");
    nothing_is_left(&place);
}

#[test]
fn a_daemon_that_hides_and_ignores_term_is_found_and_ended() {
    let place = Place::new();
    let args = ["--listen", "127.0.0.1:0", "--env", "LEAVE_BEHIND=yes"];
    let mut gear = Serving::start(&place, &[], &args);
    gear.said();
    let parent = gear.child.id();
    let hidden = cart_core::process::children(parent)
        .into_iter()
        .find(|pid| {
            cart_core::process::command_line(*pid).is_some_and(|line| line.contains("trap"))
        })
        .and_then(ProcessId::of)
        .expect("the daemon became a child of gear");
    gear.signal(Signal::TERM);
    assert_eq!(gear.end().0, Some(0));
    assert!(!hidden.is_alive());
    nothing_is_left(&place);
}

#[test]
fn what_a_killed_daemon_leaves_may_end_later_without_a_new_start() {
    let place = Place::new();
    let args = ["--listen", "127.0.0.1:0", "--env", "LEAVE_BEHIND=family"];
    let mut gear = Serving::start(&place, &[], &args);
    gear.said();
    let parent = cart_core::process::children(gear.child.id())
        .into_iter()
        .find(|pid| cart_core::process::command_line(*pid).is_some_and(|l| l.contains("family")))
        .unwrap();
    let child = wait::until(LIMIT, || cart_core::process::children(parent).pop()).unwrap();
    let called = |call: &str, times| {
        let calls = || place.calls().iter().filter(|c| *c == call).count();
        let seen = wait::until(LIMIT, || (calls() == times).then_some(()));
        assert!(seen.is_some(), "{:?}", place.calls());
    };
    ProcessId::of(parent).unwrap().signal(Signal::KILL);
    called("control start", 2);
    // What is reloaded is not being started any more.
    gear.signal(Signal::HUP);
    called("control reload", 1);
    let child = ProcessId::of(child).unwrap();
    child.signal(Signal::KILL);
    assert!(wait::until(LIMIT, || child.has_ended().then_some(())).is_some());
    // Between two reloads it is looked at what has ended.
    for times in [2, 3] {
        gear.signal(Signal::HUP);
        called("control reload", times);
    }
    gear.signal(Signal::TERM);
    let (code, heard) = gear.end();
    assert_eq!(code, Some(0), "{heard}");
    assert!(heard.contains(&format!("pid {parent} has ended: starting again")), "{heard}");
    assert!(!heard.contains(&format!("pid {} has ended", child.pid)), "{heard}");
    nothing_is_left(&place);
}

#[test]
fn a_missing_app_and_wrong_arguments_are_told() {
    let mut place = Place::new();
    place.app = "/nonexistent/app".into();
    let (code, heard) = Serving::start(&place, &[], &[]).end();
    assert_eq!(code, Some(1));
    assert!(heard.contains("/nonexistent/app is not a directory"), "{heard}");
    let (code, heard) = Serving::start(&place, &[], &["--listen", "8080"]).end();
    assert_eq!(code, Some(2));
    assert!(heard.contains("--listen"), "{heard}");
}
