//! A gear in a fresh directory, with a held socket, on which a real nginx can be started.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CartridgeDir, Gear, GearEnv, files, run};
use cart_nginx::RunAs;
use cart_nginx::{Nginx, Site, layout};
use rustix::process::Signal;

use crate::http::Message;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    _keep: tempfile::TempDir,
    held: TcpListener,
    pub(crate) env: GearEnv,
    pub(crate) dir: CartridgeDir,
    pub(crate) repo: Utf8PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap().to_owned();
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        held.set_nonblocking(true).unwrap();
        let address = held.local_addr().unwrap();
        let dir = CartridgeDir::new(home.join("advanced-python"));
        let repo = home.join("app-root/runtime/repo");
        std::fs::create_dir_all(repo.join("public")).unwrap();
        std::fs::create_dir(dir.path()).unwrap();
        dir.create_all().unwrap();
        let env = GearEnv::new()
            .with("PATH", "/usr/bin:/bin")
            .with("OPENSHIFT_HOMEDIR", format!("{home}/"))
            .with("OPENSHIFT_REPO_DIR", format!("{repo}/"))
            .with("OPENSHIFT_APP_DNS", "app-me.example.com")
            .with("OPENSHIFT_ADVANCED_PYTHON_DIR", format!("{}/", dir.path()))
            .with("OPENSHIFT_ADVANCED_PYTHON_IP", address.ip().to_string())
            .with("OPENSHIFT_ADVANCED_PYTHON_PORT", address.port().to_string());
        Self { _keep: keep, held, env, dir, repo }
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.env.set(name, value);
        self
    }

    /// A file of the repository.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        self.write(path, content);
        self
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.repo.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.held.local_addr().unwrap()
    }

    pub(crate) fn socket(&self) -> Utf8PathBuf {
        self.dir.run().join("appserver.sock")
    }

    pub(crate) fn site(&self) -> Site {
        let gear = Gear::from_env(&self.env).unwrap();
        let mut site = Site::from_gear(&gear, &self.dir, &self.env, "ADVANCED_PYTHON").unwrap();
        // Temporary directories of root may be closed to everybody else; so is the site, then.
        site.run_as = site.run_as.map(|_| RunAs::owner_of(&gear.home).unwrap());
        site
    }

    pub(crate) fn nginx(&self) -> Nginx {
        Nginx::find(&self.dir, &self.env)
            .expect("these tests need a real nginx: apt-get install nginx")
    }

    /// nginx on the site's configuration.
    pub(crate) fn serve(&self) -> Master {
        self.serve_site(&self.site())
    }

    pub(crate) fn serve_site(&self, site: &Site) -> Master {
        self.nginx().configure(site).unwrap();
        let master = self.start();
        master.serves();
        master
    }

    /// A master on the held socket, as a supervisor would start it.
    pub(crate) fn start(&self) -> Master {
        let log = files::open_log(&self.log()).unwrap();
        self.start_logging(&log)
    }

    fn start_logging(&self, log: &File) -> Master {
        let held = self.held.try_clone().unwrap();
        let child = run::service(&self.nginx().command(), vec![held.into()], log).unwrap();
        let id = ProcessId::of_child(child.id()).unwrap();
        Master { id, child }
    }

    /// Where nginx's standard error goes.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        self.dir.logs().join("nginx.log")
    }

    pub(crate) fn error_log(&self) -> String {
        String::from_utf8(files::read(&layout::error_log(&self.dir)).unwrap()).unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Sends the lines as a request's head, then the body, and reads the answer.
    pub(crate) fn ask(&self, head: &[&str], body: &[u8]) -> Message {
        let mut stream = self.connect();
        let head = format!("{}\r\n\r\n", head.join("\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        // nginx may have answered a body that it will not have before it has read all of it.
        let _ = stream.write_all(body);
        Message::read(&mut BufReader::new(stream)).unwrap().expect("nginx answers")
    }

    pub(crate) fn get(&self, path: &str) -> Message {
        self.ask(&[&format!("GET {path} HTTP/1.1"), "Host: h", "Connection: close"], b"")
    }

    /// The head of an answer without a body, as it came.
    pub(crate) fn head(&self, path: &str, headers: &[&str]) -> String {
        let mut stream = self.connect();
        let mut lines = vec![format!("HEAD {path} HTTP/1.1"), "Host: h".to_owned()];
        lines.extend(headers.iter().map(|header| (*header).to_owned()));
        let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Message {
        let start = format!("POST {path} HTTP/1.1");
        let length = format!("Content-Length: {}", body.len());
        self.ask(&[&start, "Host: h", "Connection: close", &length], body)
    }
}

/// A master that is ended, with its workers, when the test ends.
pub(crate) struct Master {
    pub(crate) id: ProcessId,
    child: Child,
}

impl Master {
    /// Its workers that take new connections.
    pub(crate) fn workers(&self) -> Vec<ProcessId> {
        let mut workers = process::children(self.id.pid);
        workers.retain(|pid| {
            let line = process::command_line(*pid).unwrap_or_default();
            line.starts_with("nginx: worker process") && !line.contains("shutting down")
        });
        workers.into_iter().filter_map(ProcessId::of).collect()
    }

    /// Waits until it serves.
    pub(crate) fn serves(&self) {
        let serves = || (!self.workers().is_empty()).then_some(());
        assert!(cart_core::wait::until(LIMIT, serves).is_some(), "the master has no worker");
    }

    /// Waits until it has ended after it was told to.
    pub(crate) fn ended(&mut self) {
        let ended = cart_core::wait::until(LIMIT, || self.child.try_wait().unwrap());
        assert!(ended.is_some(), "the master has not ended");
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.id.signal(Signal::KILL);
        let _ = self.child.wait();
        // Workers do not notice that their master was killed.
        for worker in process::group_without(self.id.pid) {
            worker.signal(Signal::KILL);
        }
    }
}
