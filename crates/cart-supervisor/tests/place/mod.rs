//! A cartridge's directory for one test, with a supervisor and services in Python.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CartridgeDir, CommandSpec, GearEnv, LogLimits, files, programs, run};
use cart_supervisor::{
    Client, Listen, Logging, Probe, ServiceSpec, ServiceState, ServiceStatus, Stop, StopSignal,
    SupervisorProcess,
};
use rustix::process::Signal;

pub const LIMIT: Duration = Duration::from_secs(60);

/// Answers every request on descriptor 3 with its first argument, as HTTP, be who asked gone or not; on
/// SIGTERM it ends.
pub const SERVER: &str = "
import socket, sys
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.recv(65536)
    body = sys.argv[1].encode()
    try:
        c.sendall(b'HTTP/1.0 %d OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % (int(sys.argv[2]), len(body)) + body)
    except OSError:
        pass
    c.close()
";

/// A cartridge's directory with a supervisor, which ends with it.
pub struct Place {
    _keep: tempfile::TempDir,
    pub dir: Utf8PathBuf,
    pub env: GearEnv,
}

impl Place {
    pub fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        files::create_dir(&dir.join("run"), 0o700).unwrap();
        files::create_dir(&dir.join("logs"), 0o755).unwrap();
        Self { _keep: keep, dir, env: GearEnv::from_process() }
    }

    pub fn supervisor(&self) -> SupervisorProcess {
        let own = self.program();
        let program = if own.exists() { own } else { built_program() };
        SupervisorProcess::new(&CartridgeDir::new(self.dir.clone()), &program)
    }

    /// A program of this place's own, which counts if it is there.
    pub fn program(&self) -> Utf8PathBuf {
        self.dir.join("program")
    }

    /// Puts a program in place as a new version of the cartridge would: as a new file. Another process writes it:
    /// a file that this one has open for writing is still busy while what other tests start has its descriptors.
    pub fn install(&self, content: &[u8]) {
        let (given, new) = (self.dir.join("given"), self.dir.join("new"));
        files::write_atomic(&given, content, 0o755).unwrap();
        let copy = CommandSpec::new("/bin/cp", &self.env).args([given.as_str(), new.as_str()]);
        run::checked(&copy, LIMIT).unwrap();
        files::rename(&new, &self.program()).unwrap();
    }

    pub fn client(&self) -> Client {
        self.supervisor().find_or_start().unwrap()
    }

    pub fn socket(&self) -> Utf8PathBuf {
        self.dir.join("run/app.sock")
    }

    /// A service that answers `body`; `command` decides how.
    pub fn service(&self, args: &[&str]) -> ServiceSpec {
        let python = programs::find("python3", &self.env, &[]).unwrap();
        ServiceSpec {
            name: "app".into(),
            label: "a server for tests".into(),
            command: CommandSpec::new(python, &self.env).args(args.iter().copied()),
            listen: vec![Listen::Unix(self.socket())],
            log: self.log(),
            logging: self.collected(LogLimits::default()),
            probe: Probe::Http {
                path: "/".into(),
                host: "localhost".into(),
                statuses: vec![100..=499],
            },
            start_limit: 20,
            stop: Stop { signal: StopSignal::Term, linger: 0, drain: 10 },
            asked_where: Vec::new(),
            max_memory: None,
            is_aside: false,
        }
    }

    pub fn log(&self) -> Utf8PathBuf {
        self.dir.join("logs/app.log")
    }

    /// A log that is written by our own writer.
    pub fn collected(&self, limits: LogLimits) -> Logging {
        Logging::Collected { writer: self.supervisor().log_writer(&self.log(), limits) }
    }

    /// The supervisor, as its pid file says.
    pub fn supervisor_process(&self) -> ProcessId {
        let pid = std::fs::read_to_string(self.dir.join("run/supervisor.pid")).unwrap();
        ProcessId::of(pid.trim().parse().unwrap()).unwrap()
    }

    /// The living supervisor, found by what it is.
    pub fn supervisors(&self) -> Vec<ProcessId> {
        self.with_word(&["supervise", "succeed", "succeed-to-end", "take-over"])
    }

    /// Those that succeed it.
    pub fn heirs(&self) -> Vec<ProcessId> {
        self.with_word(&["guard", "write-log"])
    }

    fn with_word(&self, any: &[&str]) -> Vec<ProcessId> {
        let run = self.dir.join("run");
        let is_it = |pid: &u32| {
            let words = process::words(*pid);
            words.iter().any(|word| *word == run) && any.contains(&words.get(1).map_or("", |w| w))
        };
        process::all().into_iter().filter(is_it).filter_map(ProcessId::of).collect()
    }

    /// Kills the supervisor and whoever would succeed it, so that none of them can act.
    pub fn kill_ours(&self) {
        let ours = [self.heirs(), self.supervisors()].concat();
        ours.iter().for_each(|process| process.signal(Signal::STOP));
        ours.iter().for_each(|process| process.signal(Signal::KILL));
        assert!(ours.iter().all(|process| process.wait_gone(LIMIT)));
    }

    pub fn answering(&self, body: &str) -> ServiceSpec {
        self.service(&["-c", SERVER, body, "200"])
    }

    pub fn ask(&self) -> String {
        self.ask_at(&self.socket())
    }

    pub fn ask_at(&self, socket: &Utf8Path) -> String {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n").next().unwrap().to_owned()
    }

    pub fn status(&self) -> ServiceStatus {
        self.client().status().unwrap().into_iter().find(|s| s.name == "app").unwrap()
    }

    pub fn process(&self) -> ProcessId {
        match self.status().state {
            ServiceState::Running(process) => process,
            other => panic!("not running: {other:?}"),
        }
    }
}

/// The program that cargo built.
pub fn built_program() -> Utf8PathBuf {
    let target = std::env::current_exe().unwrap();
    let target = Utf8Path::from_path(target.parent().unwrap().parent().unwrap()).unwrap();
    target.join("examples/supervise")
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(Some(client)) = self.supervisor().find() {
            let _ = client.end(&[], LIMIT);
        }
    }
}
