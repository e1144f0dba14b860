//! `gear serve` as a container runs it: the first process, without a terminal.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, programs, run, wait};
use cart_nginx::health;
use cart_test::{get, try_get};
use rustix::process::Signal;

use crate::cartridge::{self, assembled, fixture, serve};

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
    fn start(more: &[&str]) -> Self {
        let env = GearEnv::from_process();
        let env = GearEnv::new().with("PATH", env.get("PATH").unwrap());
        let namespace = ["--fork", "--pid", "--mount-proc", "--kill-child=KILL"];
        let unshare = programs::find("unshare", &env, &["/usr/bin"]).unwrap();
        let unshare = CommandSpec::new(unshare, &env).args(namespace);
        let may = run::checked(&unshare.clone().arg("/bin/true"), LIMIT).is_ok();
        let gear = cartridge::gear(&assembled());
        let command = if may { unshare.arg(gear) } else { CommandSpec::new(gear, &env) };
        let command = command.args(serve()).args(more.iter().copied()).arg(fixture("mirror"));
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

    /// Tells it to end while it answers somebody, who gets the answer; nothing is there afterwards.
    fn end_under_a_slow_request(&mut self) {
        let address = self.address;
        let ended = std::thread::scope(|scope| {
            let slow = scope.spawn(move || get(address, "/slow"));
            let arrived = || (get(address, "/slow-ones").body == "1").then_some(());
            assert!(wait::until(LIMIT, arrived).is_some(), "the slow request does not arrive");
            let ended = self.end();
            assert_eq!(slow.join().unwrap().body, "slow");
            ended
        });
        assert_eq!(ended.unwrap().code(), Some(0));
        assert!(try_get(address, "/").is_err());
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
    Serving::start(&[]).end_under_a_slow_request();
}

#[test]
fn one_that_lingers_serves_on_and_is_not_ready() {
    let mut serving = Serving::start(&["--linger", "3600"]);
    let address = serving.address;
    let status = |path: &str| get(address, path).status;
    assert_eq!((status(health::LIVE), status(health::READY)), (200, 200));
    serving.gear.signal(Signal::TERM);
    let unready = || (status(health::READY) == 503).then_some(());
    assert!(wait::until(LIMIT, unready).is_some(), "still ready");
    assert_eq!((status(health::LIVE), status("/")), (200, 200));
    // What is killed meanwhile comes back, and nobody is told to come.
    let supervisor = serving.supervisor(None);
    supervisor.signal(Signal::KILL);
    assert!(serving.supervisor(Some(supervisor)).is_alive());
    assert!(serving.answers());
    assert!(wait::until(LIMIT, unready).is_some(), "ready again");
    // The second one ends the wait.
    serving.end_under_a_slow_request();
}

#[test]
fn it_lingers_no_longer_than_it_was_told_and_for_no_ctrl_c() {
    let mut short = Serving::start(&["--linger", "1"]);
    assert_eq!(short.end().unwrap().code(), Some(0));
    let mut long = Serving::start(&["--linger", "3600"]);
    long.gear.signal(Signal::INT);
    let ended = wait::until(LIMIT, || long.starter.try_wait().unwrap());
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn what_is_killed_under_it_comes_back_and_a_hangup_reloads() {
    let serving = Serving::start(&[]);
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
            .arg(cartridge::gear(&assembled()))
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

/// As the first process of a container, in a network of its own, in which this machine has an address of the
/// internet, too. What it prints: the address, then what each of them is answered to both paths, asked without
/// a word and for somebody else.
#[test]
fn in_a_container_a_port_is_enough_and_strangers_see_nothing_of_its_health() {
    const SCRIPT: &str = r#"
import fcntl, http.client, os, signal, socket, struct, subprocess, sys
net = socket.socket()
fcntl.ioctl(net, 0x8914, struct.pack("16sh", b"lo", 0x41))
address = socket.inet_aton("192.0.2.9")
fcntl.ioctl(net, 0x8916, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, address))
env = dict(os.environ, PORT="8081")
command = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child=KILL"] + sys.argv[1:]
serving = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
print(next(word for word in serving.stdout.readline().decode().split() if "://" in word))
for source in "127.0.0.1", "192.0.2.9":
    for path in "live", "ready":
        for headers in {}, {"X-Forwarded-For": "10.0.0.1"}:
            client = http.client.HTTPConnection(source, 8081, source_address=(source, 0))
            client.request("GET", "/.well-known/cartridge/" + path, headers=headers)
            print(client.getresponse().status)
child = open("/proc/%d/task/%d/children" % (serving.pid, serving.pid)).read().split()[0]
os.kill(int(child), signal.SIGTERM)
print(serving.wait())
"#;
    let env = GearEnv::from_process();
    let env = GearEnv::new()
        .with("PATH", env.get("PATH").unwrap())
        .with("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none");
    let unshare = programs::find("unshare", &env, &["/usr/bin"]).unwrap();
    let own_network: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["--net"],
        false => &["--net", "--map-root-user"],
    };
    let command = CommandSpec::new(&unshare, &env)
        .args(own_network.iter().copied())
        .args(["python3", "-c", SCRIPT])
        .arg(cartridge::gear(&assembled()))
        .args(["serve", "--cartridge", assembled().as_str()])
        .arg(fixture("mirror"));
    let said = run::checked(&command, 3 * LIMIT).unwrap().stdout_text();
    let said: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(said[0], "http://127.0.0.1:8081/");
    assert_eq!(said[1..], ["200", "404", "200", "404", "404", "404", "404", "404", "0"]);
}

#[test]
fn a_port_that_is_none_is_a_wrong_call() {
    let env = GearEnv::from_process();
    let env = GearEnv::new()
        .with("PATH", env.get("PATH").unwrap())
        .with("K_SERVICE", "app")
        .with("PORT", "http");
    let command = CommandSpec::new(cartridge::gear(&assembled()), &env)
        .args(["serve", "--cartridge", assembled().as_str()])
        .arg(fixture("mirror"));
    let output = run::output(&command, LIMIT).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", output.stderr_text());
    assert!(output.stderr_text().contains("PORT is \"http\", but must be a port number"));
}
