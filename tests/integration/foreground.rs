//! `gear serve` as a container runs it: the first process, without a terminal.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, programs, run, wait};
use cart_test::{get, try_get};
use rustix::process::Signal;

use crate::cartridge::{assembled, fixture};

const LIMIT: Duration = Duration::from_secs(60);

/// A running `gear serve`, which ends with the test, whatever comes of it.
struct Serving {
    /// What started it: `unshare`, or itself where that is not allowed.
    starter: Child,
    gear: ProcessId,
    address: SocketAddr,
}

impl Serving {
    /// Starts it as the first process of a namespace, where the system lets us make one.
    fn start() -> Self {
        let env = GearEnv::from_process();
        let env = GearEnv::new().with("PATH", env.get("PATH").unwrap());
        let namespace = ["--fork", "--pid", "--mount-proc", "--kill-child=KILL"];
        let unshare = programs::find("unshare", &env, &["/usr/bin"]).unwrap();
        let unshare = CommandSpec::new(unshare, &env).args(namespace);
        let may = run::checked(&unshare.clone().arg("/bin/true"), LIMIT).is_ok();
        let gear = assembled().ancestors().nth(2).unwrap().join("debug/gear");
        let command = if may { unshare.arg(gear) } else { CommandSpec::new(gear, &env) };
        let command = command
            .args(["serve", "--cartridge", assembled().as_str(), "--listen", "127.0.0.1:0"])
            .arg(fixture("mirror"));
        let mut starter = run::piped(&command).unwrap();
        let mut line = String::new();
        BufReader::new(starter.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
        let address = url.trim_end().trim_end_matches('/').parse().unwrap();
        let pid = if may { process::children(starter.id())[0] } else { starter.id() };
        Self { gear: ProcessId::of(pid).unwrap(), starter, address }
    }

    fn end(&mut self) -> Option<ExitStatus> {
        self.gear.signal(Signal::TERM);
        wait::until(LIMIT, || self.starter.try_wait().unwrap())
    }

    fn answers(&self) -> bool {
        let answer = || try_get(self.address, "/").ok().filter(|a| a.body == "mirror");
        wait::until(LIMIT, answer).is_some()
    }

    /// The supervisor, which is left to it as to a system's first process, once it is another than
    /// `former`.
    fn supervisor(&self, former: Option<ProcessId>) -> ProcessId {
        let is_it = |daemon: &ProcessId| Some(*daemon) != former && is_supervisor(*daemon);
        let daemons = || process::children(self.gear.pid).into_iter().filter_map(ProcessId::of);
        wait::until(LIMIT, || daemons().find(is_it)).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

#[test]
fn told_to_end_it_finishes_what_is_under_way_and_exits_with_0() {
    let mut serving = Serving::start();
    let address = serving.address;
    let ended = std::thread::scope(|scope| {
        let slow = scope.spawn(move || get(address, "/slow"));
        let reached = wait::until(LIMIT, || (get(address, "/slow-ones").body == "1").then_some(()));
        assert!(reached.is_some(), "the slow request does not arrive");
        let ended = serving.end();
        assert_eq!(slow.join().unwrap().body, "slow");
        ended
    });
    assert_eq!(ended.unwrap().code(), Some(0));
    assert!(try_get(address, "/").is_err());
}

#[test]
fn what_is_killed_under_it_comes_back_and_a_hangup_reloads() {
    let serving = Serving::start();
    let pid = get(serving.address, "/pid").body;
    serving.gear.signal(Signal::HUP);
    let renewed = || (get(serving.address, "/pid").body != pid).then_some(());
    assert!(wait::until(LIMIT, renewed).is_some(), "a hangup reloads nothing");

    // The supervisor alone: its services go on and are taken over.
    let supervisor = serving.supervisor(None);
    supervisor.signal(Signal::KILL);
    let successor = serving.supervisor(Some(supervisor));
    assert!(successor.is_alive());
    assert!(serving.answers());
    let taken_in = || {
        let children = process::children(serving.gear.pid);
        children.into_iter().all(|pid| ProcessId::of(pid).is_some()).then_some(())
    };
    assert!(wait::until(LIMIT, taken_in).is_some(), "ended processes are not taken in");
}

/// In a network of its own, so that nobody reaches it.
#[test]
fn at_an_address_that_others_reach_it_says_whom_it_believes() {
    const UP: &str = "import fcntl, socket, struct; \
        fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x41))";
    const SCRIPT: &str = "python3 -c \"$0\" && log=$1 && shift && exec \"$@\" 2>\"$log\"";
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("log");
    let env = GearEnv::from_process();
    let env = GearEnv::new().with("PATH", env.get("PATH").unwrap());
    let unshare = programs::find("unshare", &env, &["/usr/bin"]).unwrap();
    let own_network: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["--net"],
        false => &["--net", "--map-root-user"],
    };
    let said = |more: &[&str]| {
        let command = CommandSpec::new(&unshare, &env)
            .args(own_network.iter().copied())
            .args(["/bin/sh", "-c", SCRIPT, UP, log.to_str().unwrap()])
            .arg(assembled().ancestors().nth(2).unwrap().join("debug/gear"))
            .args(["serve", "--cartridge", assembled().as_str(), "--listen", "0.0.0.0:8080"])
            .args(more.iter().copied())
            .arg(fixture("mirror"));
        let mut serving = run::piped(&command).unwrap();
        let mut line = String::new();
        BufReader::new(serving.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        ProcessId::of(serving.id()).unwrap().signal(Signal::TERM);
        let ended = wait::until(LIMIT, || serving.try_wait().unwrap());
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(line.starts_with("Serving "), "{said}");
        assert_eq!(ended.and_then(|status| status.code()), Some(0), "{said}");
        said
    };
    const VARIABLE: &str = "OPENSHIFT_NGINX_TRUSTED_PROXIES";
    let unasked = said(&[]);
    assert!(unasked.contains("Other machines reach 0.0.0.0:8080"), "{unasked}");
    assert!(unasked.contains(&format!("Set {VARIABLE} to")), "{unasked}");
    let chosen = said(&["--env", &format!("{VARIABLE}=none")]);
    assert!(!chosen.contains("Other machines"), "{chosen}");
}

fn is_supervisor(process: ProcessId) -> bool {
    let words = process::words(process.pid);
    words.get(1).is_some_and(|word| word == "supervise" || word == "succeed")
}
