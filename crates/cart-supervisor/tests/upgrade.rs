//! A supervisor becomes another program: nothing is lost, whatever becomes of that.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cart_core::process::ProcessId;
use cart_core::{CommandSpec, files, run, wait};
use cart_supervisor::{Change, Listen, ServiceState};
use place::{LIMIT, Place, SERVER, built_program};
use rustix::process::Signal;

fn installed() -> Place {
    let place = Place::new();
    place.install(&std::fs::read(built_program()).unwrap());
    place
}

fn inode(path: &str) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

fn runs_from(process: ProcessId) -> u64 {
    inode(&format!("/proc/{}/exe", process.pid))
}

fn upgrade(place: &Place) {
    let before = place.supervisor_process();
    place.install(&std::fs::read(built_program()).unwrap());
    let now = inode(place.program().as_str());
    assert_ne!(runs_from(before), now);
    let client = place.client();
    assert_eq!(client.not_renewed(), None);
    assert_eq!(place.supervisor_process(), before, "it is another process");
    assert_eq!(runs_from(before), now);
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_load_notices_nothing_of_two_upgrades() {
    let place = installed();
    place.client().ensure(place.answering("here"), false).unwrap();
    let server = place.process();
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(place.ask(), "here");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            upgrade(&place);
            let goal = asked.load(Ordering::Relaxed) + 200;
            let goal = || (asked.load(Ordering::Relaxed) > goal).then_some(());
            assert!(wait::until(LIMIT, goal).is_some());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(place.process(), server);
    assert_eq!(place.status().generation, 1);
}

#[test]
fn everything_goes_on_in_the_new_program() {
    let place = installed();
    let client = place.client();
    // Crashes that are counted, an old generation that drains, a port, and a log.
    let slow = format!(
        "
import os, sys, signal, time
def end(*_):
    time.sleep(0.2)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
{}",
        // A port that is held does not block; this server does.
        SERVER.replace("while True:", "s.setblocking(True)\nwhile True:")
    );
    let port = free_port();
    let mut tcp = place.service(&["-c", &slow, "port", "200"]);
    tcp.name = "port".into();
    tcp.listen = vec![Listen::Tcp(port)];
    client.ensure(tcp.clone(), false).unwrap();
    client.ensure(place.service(&["-c", &slow, "old", "200"]), false).unwrap();
    let old = place.process();
    let mut spec = place.answering("new");
    spec.stop.linger = 2;
    client.ensure(spec.clone(), false).unwrap();
    let crashed = place.process();
    crashed.signal(Signal::KILL);
    assert!(crashed.wait_gone(LIMIT));
    assert_eq!(place.ask(), "new");
    let (process, port_status) = (place.process(), client.status().unwrap()[0].clone());

    upgrade(&place);

    assert_eq!(place.process(), process);
    assert_eq!((place.status().crashes, place.status().generation), (1, 3));
    assert_eq!(place.client().status().unwrap()[0], port_status);
    assert!(old.wait_gone(LIMIT), "the old generation is forgotten");
    // Children of the former program are ours still: their ends are noticed at once.
    for _ in 0..2 {
        let server = match place.client().status().unwrap().swap_remove(0).state {
            ServiceState::Running(server) => server,
            other => panic!("{other:?}"),
        };
        server.signal(Signal::KILL);
        assert!(server.wait_gone(LIMIT));
        assert!(ask(port).ends_with("port"), "the port was closed");
    }
    assert_eq!(place.client().ensure(spec, false).unwrap(), Change::Unchanged);
    assert_eq!(place.client().ensure(tcp, true).unwrap(), Change::Replaced);
    assert_eq!(place.client().ensure(place.answering("newer"), false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "newer");
    assert!(process.wait_gone(LIMIT));
}

#[test]
fn a_program_that_cannot_be_started_changes_nothing() {
    let place = installed();
    place.client().ensure(place.answering("here"), false).unwrap();
    let (supervisor, server) = (place.supervisor_process(), place.process());
    let running = runs_from(supervisor);
    let refused = |program: &str, mode: u32, why: &str| {
        files::write_atomic(&place.program(), program.as_bytes(), mode).unwrap();
        let client = place.client();
        assert!(client.not_renewed().unwrap().contains(why), "{client:?}");
    };
    refused("", 0o644, "cannot be executed");
    refused("\x7fELF and nothing else", 0o755, "Exec format error");
    refused("#!/bin/sh\necho 'other words' >&2\nexit 2\n", 0o755, "other words");
    // It passes the test and is gone then.
    refused("#!/bin/sh\nrm \"$0\"\n", 0o755, "could not start");
    place.install(b"no program");
    assert_eq!((place.supervisor_process(), runs_from(supervisor)), (supervisor, running));
    assert!(!place.dir.join("run/supervisor.handover").exists());
    // A hook that hangs up without reading its answer must not end it.
    for _ in 0..3 {
        let mut hook = UnixStream::connect(place.dir.join("run/supervisor.sock")).unwrap();
        hook.write_all(b"{\"protocol\":1,\"body\":\"status\"}\n").unwrap();
        hook.shutdown(std::net::Shutdown::Both).unwrap();
    }
    assert_eq!(place.client().ensure(place.answering("next"), false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "next");
    assert!(server.wait_gone(LIMIT));
    upgrade(&place);
    assert_eq!(place.ask(), "next");
}

#[test]
fn what_cannot_be_read_of_a_handover_is_taken_over_by_the_record() {
    let place = installed();
    place.client().ensure(place.answering("here"), false).unwrap();
    let server = place.process();
    let script = format!(
        "#!/bin/sh\n[ $1 = take-over ] && echo broken >{}/run/supervisor.handover\nexec {} \"$@\"\n",
        place.dir,
        built_program()
    );
    place.install(script.as_bytes());
    // Whoever asked is told nothing; the next one is.
    let _ = place.supervisor().find_or_start();
    place.install(&std::fs::read(built_program()).unwrap());
    assert_eq!(place.process(), server);
    assert_eq!(place.ask(), "here");
    server.signal(Signal::KILL);
    assert!(server.wait_gone(LIMIT));
    let again = wait::until(LIMIT, || {
        matches!(place.status().state, ServiceState::Running(_)).then_some(())
    });
    assert!(again.is_some());
    assert_eq!(place.ask(), "here");
}

#[test]
fn a_supervisor_that_speaks_otherwise_is_replaced_and_its_services_go_on() {
    let place = installed();
    place.client().ensure(place.answering("here"), false).unwrap();
    let server = place.process();
    let supervisor = place.supervisor_process();
    place.kill_ours();
    // One of another version holds its place.
    let other = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print('listens', flush=True)
while True:
    c, _ = s.accept()
    if c.recv(65536):
        c.sendall(b'{\"not_understood\":\"expected value\"}\\n')
    c.close()
";
    let socket = place.dir.join("run/supervisor.sock");
    files::remove_if_exists(&socket).unwrap();
    let python = place.service(&[]).command.program;
    let command = CommandSpec::new(python, &place.env).args(["-c", other, socket.as_str()]);
    let mut other = run::piped(&command).unwrap();
    let mut said = String::new();
    BufReader::new(other.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "listens\n");
    let id = ProcessId::of(other.id()).unwrap();
    let record = place.dir.join("run/supervisor.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let text = text.replacen(
        &format!("\"pid\":{},\"started\":{}", supervisor.pid, supervisor.started),
        &format!("\"pid\":{},\"started\":{}", id.pid, id.started),
        1,
    );
    files::write_atomic(&record, text.as_bytes(), 0o600).unwrap();
    let found = place.supervisor().find().unwrap().unwrap();
    let error = found.status().unwrap_err().to_string();
    assert!(error.contains("of another version"), "{error}");
    place.client();
    assert!(!other.wait().unwrap().success());
    assert_eq!(place.process(), server);
    assert_eq!(place.ask(), "here");
}

#[test]
fn a_crashed_generation_is_started_again_with_what_it_was_told_even_after_an_upgrade() {
    let place = installed();
    let client = place.client();
    let last_good = || place.answering("last good").command;
    assert!(!client.start_again_with("app", last_good()).unwrap());
    client.ensure(place.answering("first"), false).unwrap();
    assert!(client.start_again_with("app", last_good()).unwrap());
    assert_eq!(place.ask(), "first");
    upgrade(&place);
    let kill = || {
        let process = place.process();
        process.signal(Signal::KILL);
        assert!(process.wait_gone(LIMIT));
    };
    kill();
    assert_eq!(place.ask(), "last good");
    // It outlives the supervisor, too.
    let supervisor = place.supervisor_process();
    supervisor.signal(Signal::KILL);
    assert!(supervisor.wait_gone(LIMIT));
    place.client();
    kill();
    let answers = || {
        let running = matches!(place.status().state, ServiceState::Running(_));
        running.then(|| place.ask())
    };
    assert_eq!(wait::until(LIMIT, answers).as_deref(), Some("last good"));
    // A new generation is started again as it is.
    place.client().ensure(place.answering("second"), true).unwrap();
    kill();
    assert_eq!(place.ask(), "second");
}
