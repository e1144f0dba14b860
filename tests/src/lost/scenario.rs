//! The changes under which a load is watched.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::wait;
use cart_test::{Outcome, get};
use rustix::process::Signal;

use super::{LIMIT, SERVERS, START_TIMEOUT, Stage};
use crate::cartridge::{SERVER, example};
use crate::processes::{child, child_of, supervisor};

/// What clients may notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Every request is answered, and a WebSocket stays open.
    NothingLost,
    /// Every GET is answered, and of POSTs all that were not in the killed server's hands.
    NoGetLost,
    /// What was in hand is lost; after that everything is answered again.
    ServesAgain,
}

/// One change.
#[derive(Debug)]
pub struct Scenario {
    /// How it is called.
    pub name: &'static str,
    /// What clients may notice of it.
    pub promise: Promise,
    /// On which servers it can be played.
    pub servers: &'static [&'static str],
    pub(super) change: fn(&Stage) -> Result<(), String>,
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    planned("restart", |stage| done(&stage.gear.control("restart"))),
    planned("two-restarts", two_restarts),
    planned("switch-to-wsgiref", |stage| switch(stage, "wsgiref")).on(&["gevent", "gunicorn"]),
    planned("switch-to-gevent", |stage| switch(stage, "gevent")).on(&["wsgiref", "gunicorn"]),
    planned("switch-to-gunicorn", |stage| switch(stage, "gunicorn")).on(&["wsgiref", "gevent"]),
    planned("variable", variable),
    planned("reload-nginx", reload_nginx),
    planned("reload-broken", reload_broken),
    planned("hot-deploy", hot_deploy),
    planned("upgrade", upgrade),
    planned("fail-import", |stage| fail(stage, "import no_such_module\n")),
    planned("fail-500", |stage| fail(stage, FAILING_PAGE)),
    planned("fail-hang", fail_hang),
    killed("kill-server", Promise::NoGetLost, kill_server),
    killed("kill-worker", Promise::NoGetLost, kill_worker).on(&["gunicorn"]),
    killed("kill-nginx", Promise::ServesAgain, kill_nginx),
    killed("kill-nginx-worker", Promise::ServesAgain, kill_nginx_worker),
    killed("kill-supervisor", Promise::NothingLost, kill_supervisor),
];

/// How long a replaced server may get requests still, over connections that nginx had to it.
const POOLED: Duration = Duration::from_secs(5);

const FAILING_PAGE: &str =
    "def application(environ, start_response):\n    raise ValueError('broken page')\n";

/// The scenario of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    const fn on(mut self, servers: &'static [&'static str]) -> Self {
        self.servers = servers;
        self
    }
}

const fn planned(name: &'static str, change: fn(&Stage) -> Result<(), String>) -> Scenario {
    Scenario { name, promise: Promise::NothingLost, servers: &SERVERS, change }
}

const fn killed(
    name: &'static str,
    promise: Promise,
    change: fn(&Stage) -> Result<(), String>,
) -> Scenario {
    Scenario { name, promise, servers: &SERVERS, change }
}

fn done(outcome: &Outcome) -> Result<(), String> {
    if outcome.code == 0 { Ok(()) } else { Err(outcome.text.clone()) }
}

fn refused(outcome: &Outcome) -> Result<(), String> {
    if outcome.code == 0 { Err(format!("it was done: {}", outcome.text)) } else { Ok(()) }
}

fn two_restarts(stage: &Stage) -> Result<(), String> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| done(&stage.gear.control("restart")));
        let this = done(&stage.gear.control("restart"));
        this.and(other.join().unwrap())
    })
}

fn switch(stage: &Stage, server: &str) -> Result<(), String> {
    stage.gear.set(SERVER, server);
    done(&stage.gear.control("restart"))?;
    let serves = stage.gear.control("server").text;
    if serves == server { Ok(()) } else { Err(format!("{serves} serves")) }
}

fn variable(stage: &Stage) -> Result<(), String> {
    stage.gear.set("GREETING", "hello");
    done(&stage.gear.control("restart"))
}

fn reload_nginx(stage: &Stage) -> Result<(), String> {
    let sample = example("welcome").join("nginx.conf.erb.sample");
    stage.gear.write("nginx.conf.erb", &std::fs::read_to_string(sample).unwrap());
    done(&stage.gear.control("reload"))
}

fn reload_broken(stage: &Stage) -> Result<(), String> {
    stage.gear.write("nginx.conf.erb", "server {\n  nonsense;\n}\n");
    refused(&stage.gear.control("reload"))
}

fn hot_deploy(stage: &Stage) -> Result<(), String> {
    let path = stage.gear.repo().join("app.py");
    let code = std::fs::read_to_string(path).unwrap().replace("\"first\"", "\"second\"");
    stage.gear.write("app.py", &code);
    done(&stage.gear.control("deploy"))?;
    let new = || (get(stage.gear.address(), "/").body == "second").then_some(());
    wait::until(POOLED, new).ok_or_else(|| "the old code is served still".to_owned())
}

/// The cartridge's programs are new files, and the next hook brings the supervisor of them.
fn upgrade(stage: &Stage) -> Result<(), String> {
    let cartridge = stage.gear.cartridge();
    let (usr, next) = (cartridge.join("usr"), cartridge.join("usr.next"));
    std::fs::create_dir(&next).unwrap();
    for entry in usr.read_dir_utf8().unwrap().flatten() {
        let target = entry.path().canonicalize_utf8().unwrap();
        let place = next.join(entry.file_name());
        if entry.file_name() != "bin" {
            std::os::unix::fs::symlink(target, place).unwrap();
            continue;
        }
        std::fs::create_dir(&place).unwrap();
        for program in target.read_dir_utf8().unwrap().flatten() {
            std::fs::copy(program.path(), place.join(program.file_name())).unwrap();
        }
    }
    std::fs::rename(&usr, cartridge.join(format!("usr.{}", inode(&usr)))).unwrap();
    std::fs::rename(&next, &usr).unwrap();
    let before = supervisor(&stage.gear);
    done(&stage.gear.control("start"))?;
    let after = supervisor(&stage.gear);
    let runs = inode(format!("/proc/{}/exe", after.pid).as_str().into());
    match (before == after, runs == inode(&usr.join("bin/advanced-python"))) {
        (true, true) => Ok(()),
        (false, _) => Err("the supervisor is another process".to_owned()),
        (_, false) => Err("the supervisor runs from the old file".to_owned()),
    }
}

fn inode(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

fn fail(stage: &Stage, code: &str) -> Result<(), String> {
    stage.gear.write("app.py", code);
    refused(&stage.gear.control("restart"))
}

fn fail_hang(stage: &Stage) -> Result<(), String> {
    stage.gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", START_TIMEOUT);
    fail(stage, "import time\ntime.sleep(3600)\n")
}

fn kill_server(stage: &Stage) -> Result<(), String> {
    child(&stage.gear, "bin/python").signal(Signal::KILL);
    serves_again(stage)
}

fn kill_worker(stage: &Stage) -> Result<(), String> {
    child_of(child(&stage.gear, "bin/python"), "bin/python").signal(Signal::KILL);
    serves_again(stage)
}

fn kill_nginx(stage: &Stage) -> Result<(), String> {
    child(&stage.gear, "nginx: master").signal(Signal::KILL);
    serves_again(stage)
}

fn kill_nginx_worker(stage: &Stage) -> Result<(), String> {
    child_of(child(&stage.gear, "nginx: master"), "nginx: worker").signal(Signal::KILL);
    serves_again(stage)
}

/// Everything goes on, and the next hook takes over and replaces the server.
fn kill_supervisor(stage: &Stage) -> Result<(), String> {
    let process = supervisor(&stage.gear);
    process.signal(Signal::KILL);
    if !process.wait_gone(LIMIT) {
        return Err("it does not end".to_owned());
    }
    done(&stage.gear.control("restart"))
}

fn serves_again(stage: &Stage) -> Result<(), String> {
    let again = wait::until(LIMIT, || done(&stage.gear.control("status")).ok());
    again.ok_or_else(|| stage.gear.control("status").text)
}
