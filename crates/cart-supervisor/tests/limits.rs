//! What is bounded, and what goes on when something runs out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId};
use cart_core::{files, wait};
use cart_supervisor::{Change, ClientError, Failure, Listen, ServiceSpec};
use place::{LIMIT, Place, SERVER, built_program};
use rustix::process::Signal;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

fn servers(place: &Place) -> usize {
    let is_server =
        |pid: &u32| process::command_line(*pid).is_some_and(|words| !words.contains("write-log"));
    process::children(place.supervisor_process().pid).iter().filter(|pid| is_server(pid)).count()
}

#[test]
fn many_restarts_in_a_row_pile_up_no_servers_and_lose_no_request() {
    let place = Place::new();
    let mut spec = place.answering("x");
    spec.stop.linger = 1;
    let client = place.client();
    client.ensure(spec.clone(), false).unwrap();
    std::thread::scope(|scope| {
        let restarts = scope.spawn(|| {
            for _ in 0..15 {
                assert_eq!(client.ensure(spec.clone(), true).unwrap(), Change::Replaced);
            }
        });
        while !restarts.is_finished() {
            assert_eq!(place.ask(), "x");
            // One that serves, four that linger, one that proves itself.
            let count = servers(&place);
            assert!(count <= 6, "{count} servers at once");
        }
    });
    assert_eq!(place.status().generation, 16);
}

#[test]
fn a_variable_that_is_too_large_for_a_program_is_named_and_what_serves_serves() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("old"), false).unwrap();
    let mut spec = place.answering("new");
    spec.command.env.set("HUGE", "x".repeat(4 << 20));
    let failure = client.ensure(spec, false).unwrap_err().to_string();
    assert!(failure.contains("the variable HUGE is too large"), "{failure}");
    assert_eq!(place.ask(), "old");
}

#[test]
fn a_turn_that_does_not_come_is_not_waited_for_for_ever() {
    let place = Place::new();
    let mut spec = place.answering("x");
    spec.stop.linger = 60;
    let client = place.client();
    for _ in 0..5 {
        client.ensure(spec.clone(), true).unwrap();
    }
    let begin = Instant::now();
    // Questions are answered while one waits.
    std::thread::scope(|scope| {
        let sixth = scope.spawn(|| client.ensure(spec.clone(), true));
        assert_eq!(place.status().generation, 5);
        assert_eq!(sixth.join().unwrap().unwrap(), Change::Replaced);
    });
    assert!(begin.elapsed() > Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(place.status().generation, 6);
}

#[test]
fn without_a_free_descriptor_hooks_wait_and_nobody_spins() {
    let place = Place::new();
    place.client().ensure(place.answering("x"), false).unwrap();
    let supervisor = place.supervisor_process();
    let pid = Pid::from_raw(i32::try_from(supervisor.pid).unwrap()).unwrap();
    let files = |limit: Option<u64>| {
        let new = Rlimit { current: limit, maximum: before_maximum(supervisor) };
        prlimit(Some(pid), Resource::Nofile, new).unwrap().current
    };
    // Who asked before is not there any more.
    let connections = || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", supervisor.pid)).unwrap();
        let numbers = descriptors.flatten().map(|e| e.file_name().into_string().unwrap());
        let numbers: Vec<u64> = numbers.map(|n| n.parse().unwrap()).collect();
        (numbers.len() == quiet_count(supervisor)).then_some(numbers)
    };
    let used = wait::until(LIMIT, connections).unwrap();
    let lowest_free = (0..).find(|number| !used.contains(number)).unwrap();
    let before = files(Some(lowest_free));
    let mut hook = UnixStream::connect(place.dir.join("run/supervisor.sock")).unwrap();
    hook.write_all(b"{\"protocol\":1,\"body\":\"status\"}\n").unwrap();
    let ticks = cpu(supervisor);
    hook.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert!(hook.read(&mut [0]).is_err(), "it had a descriptor");
    // In hundredths of a second.
    assert!(cpu(supervisor) - ticks < 50, "it spins");
    assert_eq!(place.ask(), "x");
    files(before);
    hook.set_read_timeout(Some(LIMIT)).unwrap();
    let mut answer = String::new();
    hook.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"running\""), "{answer}");
}

/// How many descriptors it has when nobody has asked for a while.
fn quiet_count(process: ProcessId) -> usize {
    let count = || std::fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap().count();
    let mut seen = (count(), Instant::now());
    let quiet = || {
        if count() != seen.0 {
            seen = (count(), Instant::now());
        }
        (seen.1.elapsed() > Duration::from_millis(300)).then_some(seen.0)
    };
    wait::until(LIMIT, quiet).unwrap()
}

fn before_maximum(process: ProcessId) -> Option<u64> {
    let pid = Pid::from_raw(i32::try_from(process.pid).unwrap()).unwrap();
    let text = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(4).unwrap().parse().ok()
}

fn cpu(process: ProcessId) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
    let fields = text[text.rfind(')').unwrap()..].split(' ').skip(12).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn questions_are_answered_while_a_generation_proves_itself_and_an_end_ends_it() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("old"), false).unwrap();
    std::thread::scope(|scope| {
        let silent = place.service(&["-c", "import signal; signal.pause()"]);
        let change = scope.spawn(|| client.ensure(silent, false));
        assert!(wait::until(LIMIT, || (servers(&place) == 2).then_some(())).is_some());
        let begin = Instant::now();
        assert_eq!(place.status().generation, 1);
        assert_eq!(place.ask(), "old");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert!(!change.is_finished());
        // A change that waits for its turn, asked for by a hook that was killed meanwhile.
        let spec = serde_json::to_value(place.answering("too late")).unwrap();
        let body = serde_json::json!({ "ensure": { "spec": spec, "renew": false } });
        let request = serde_json::json!({ "protocol": 1, "body": body });
        let mut killed = UnixStream::connect(place.dir.join("run/supervisor.sock")).unwrap();
        writeln!(killed, "{request}").unwrap();
        place.client().end(&["app"], LIMIT).unwrap();
        let mut answer = String::new();
        killed.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("was asked to end"), "{answer}");
        let failure = change.join().unwrap().unwrap_err();
        assert!(matches!(failure, ClientError::Failed(Failure::NotStarted { .. })), "{failure}");
    });
    assert!(place.supervisor().find().unwrap().is_none());
}

#[test]
fn on_a_port_that_its_predecessor_answers_a_successor_must_live_for_a_while() {
    let place = Place::new();
    let client = place.client();
    let port: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [runs, answers] = ["runs", "answers"].map(|name| place.dir.join(name));
    let on_port = |program: &str| {
        let begin = "
import os, sys, time
def wait_for(file, size):
    while not os.path.exists(file) or os.path.getsize(file) < size: time.sleep(0.01)
def note(file):
    with open(file, 'a') as opened: opened.write('.')
";
        let program = format!("{begin}{program}");
        let notes = [runs.as_str(), answers.as_str()];
        let spec = place.service(&[&["-c", &program, "old", "200"][..], &notes].concat());
        ServiceSpec { listen: vec![Listen::Tcp(port)], ..spec }
    };
    // It answers only once its successor runs: that takes its time on a busy machine.
    let slow = SERVER
        .replace("while True:", "s.setblocking(True)\nwhile True:")
        .replace("    c.recv(65536)", "    c.recv(65536)\n    wait_for(sys.argv[3], 1)")
        .replace("    c.close()", "    c.close()\n    note(sys.argv[4])");
    files::write_atomic(&runs, b".", 0o644).unwrap();
    client.ensure(on_port(&slow), false).unwrap();
    let old = place.process();
    std::fs::remove_file(&runs).unwrap();
    // It never accepts: whoever asks is answered by the old one.
    let dying = "note(sys.argv[3]); wait_for(sys.argv[4], 2); sys.exit('no luck')";
    let dying = on_port(dying);
    let failure = match client.ensure(dying, false) {
        Err(ClientError::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failure.last_lines(), ["no luck"]);
    assert_eq!(place.process(), old);
    let mut stream = TcpStream::connect(port).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("old"), "{answer}");
}

#[test]
fn services_have_the_nodes_umask_whoever_started_the_supervisor() {
    let place = Place::new();
    let script = format!("#!/bin/sh\numask 077\nexec {} \"$@\"\n", built_program());
    place.install(script.as_bytes());
    place.client().ensure(place.answering("x"), false).unwrap();
    let mask = || {
        let status = format!("/proc/{}/status", place.process().pid);
        let status = std::fs::read_to_string(status).unwrap();
        status.lines().find_map(|l| l.strip_prefix("Umask:")).unwrap().trim().to_owned()
    };
    assert_eq!(mask(), "0022");
    // Every further hook has it become the script's program once more.
    place.client().ensure(place.answering("x"), true).unwrap();
    assert_eq!(mask(), "0022");
}

#[test]
fn an_end_has_an_end_however_long_a_service_may_drain() {
    let place = Place::new();
    let stubborn =
        format!("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVER}");
    let mut spec = place.service(&["-c", &stubborn, "mine", "200"]);
    spec.stop.drain = 3600;
    let client = place.client();
    client.ensure(spec, false).unwrap();
    let process = place.process();
    let supervisor = place.supervisor_process();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| client.end(&[], Duration::from_secs(1)).unwrap());
        // A signal from outside, which names no end, does not take this one back.
        let begun = || (!place.socket().exists()).then_some(());
        assert!(wait::until(LIMIT, begun).is_some());
        supervisor.signal(Signal::TERM);
    });
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert!(!process.is_alive());
    assert!(place.supervisor().find().unwrap().is_none());
}
