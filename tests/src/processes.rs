//! The processes of a gear, as they are found to be killed.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cart_core::process::{self, ProcessId};
use cart_core::{CartridgeDir, wait};
use cart_supervisor::{ServiceState, SupervisorProcess};
use cart_test::TestGear;
use rustix::process::Signal;

/// How long a service that crashed may take to run again.
const LIMIT: Duration = Duration::from_secs(60);
/// The words by which a supervisor is started.
pub(crate) const SUPERVISORS: &[&str] = &["supervise", "succeed", "succeed-to-end", "take-over"];

/// The supervisor, found by what it is. While a killed one is being succeeded, its successor is
/// waited for.
///
/// # Panics
/// When none runs in time.
#[must_use]
pub fn supervisor(gear: &TestGear) -> ProcessId {
    let only = || match with_word(gear, SUPERVISORS)[..] {
        [supervisor] => Some(supervisor),
        _ => None,
    };
    wait::until(LIMIT, only).unwrap_or_else(|| panic!("no supervisor runs, or several do"))
}

/// The one that takes the place of `former`, once somebody stands by that would succeed it.
///
/// # Panics
/// When none does in time.
#[expect(clippy::must_use_candidate, reason = "it is also waited for")]
pub fn successor(gear: &TestGear, former: ProcessId) -> ProcessId {
    let is_there = || {
        let [now] = with_word(gear, SUPERVISORS)[..] else { return None };
        let has_heir = heirs(gear).iter().any(|heir| process::parent(heir.pid) == Some(now.pid));
        (now != former && has_heir).then_some(now)
    };
    wait::until(LIMIT, is_there).unwrap_or_else(|| panic!("{}", gear.log("supervisor.log")))
}

/// Those of our own that succeed a killed supervisor.
#[must_use]
pub fn heirs(gear: &TestGear) -> Vec<ProcessId> {
    with_word(gear, &["guard", "write-log"])
}

/// Kills the supervisor and those that would succeed it, so that none of them can act: what they
/// looked after is nobody's then.
///
/// # Panics
/// When they do not end.
pub fn kill_ours(gear: &TestGear) {
    let ours = [heirs(gear), with_word(gear, SUPERVISORS)].concat();
    ours.iter().for_each(|process| process.signal(Signal::STOP));
    ours.iter().for_each(|process| process.signal(Signal::KILL));
    assert!(ours.iter().all(|process| process.wait_gone(LIMIT)));
}

/// The processes of the cartridge's own program that were started with one of these words.
fn with_word(gear: &TestGear, any: &[&str]) -> Vec<ProcessId> {
    let run = gear.cartridge().join("run");
    let is_it = |pid: &u32| {
        let words = process::words(*pid);
        words.iter().any(|word| *word == run) && words.get(1).is_some_and(|w| any.contains(&&**w))
    };
    process::all().into_iter().filter(is_it).filter_map(ProcessId::of).collect()
}

/// The Python server that serves: none of those that it replaced and that are still there. One that
/// is being started again is waited for.
///
/// # Panics
/// When none runs in time.
#[must_use]
pub fn server(gear: &TestGear) -> ProcessId {
    serving(gear, "appserver", "bin/python")
}

/// The second one, as [`server`].
///
/// # Panics
/// When none runs in time.
#[must_use]
pub fn second_server(gear: &TestGear) -> ProcessId {
    serving(gear, "websocketserver", "bin/python")
}

/// The master of the nginx that serves, as [`server`].
///
/// # Panics
/// When none runs in time.
#[must_use]
pub fn nginx(gear: &TestGear) -> ProcessId {
    serving(gear, "nginx", "nginx: master")
}

/// The process that the supervisor has for a service, once it is the program that calls itself by
/// `word`.
fn serving(gear: &TestGear, service: &str, word: &str) -> ProcessId {
    let dir = CartridgeDir::new(gear.cartridge().to_owned());
    let supervisor = SupervisorProcess::new(&dir, &dir.usr().join("bin/advanced-python"));
    let runs = || {
        let services = supervisor.find().unwrap()?.status().unwrap();
        match services.into_iter().find(|known| known.name == service)?.state {
            ServiceState::Running(process) => Some(process).filter(|p| mentions(p.pid, word)),
            ServiceState::Waiting
            | ServiceState::BackingOff { .. }
            | ServiceState::GaveUp { .. } => None,
        }
    };
    wait::until(LIMIT, runs).unwrap_or_else(|| panic!("{service} does not run"))
}

/// The child of `parent` whose command line mentions `word`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn child_of(parent: ProcessId, word: &str) -> ProcessId {
    let found = those_of(parent, word).into_iter().next();
    found.unwrap_or_else(|| panic!("no child of {} mentions {word}", parent.pid))
}

/// A process that is stopped until this is dropped, or until it [goes on](Self::go_on): one that stays
/// stopped would keep a failed test from its end.
#[derive(Debug)]
pub struct Stopped(ProcessId);

impl Stopped {
    /// Stops it.
    #[must_use]
    pub fn stop(process: ProcessId) -> Self {
        process.signal(Signal::STOP);
        Self(process)
    }

    /// Lets it go on.
    pub fn go_on(self) {}
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

/// Waits until nothing of former generations runs: one Python server, one nginx, and of its
/// workers only those that serve; and until the supervisor has done all that their end gave it to
/// do, so that it has nothing open and writes nothing that belongs to it. Answers whether that came
/// about. A supervisor that died does not matter: they are found by their gear.
#[must_use]
pub fn settled(gear: &TestGear, limit: Duration) -> bool {
    let calm = || {
        let nginx = leaders(gear, "nginx: master");
        let old = nginx.iter().flat_map(|master| those_of(*master, "shutting down")).count();
        let alone = leaders(gear, "bin/python").len() == 1 && nginx.len() == 1 && old == 0;
        (alone && nothing_ended(gear)).then_some(())
    };
    wait::until(limit, calm).is_some() && at_rest(gear, limit)
}

/// Whether the supervisor, if it lives, has taken in every child that ended.
fn nothing_ended(gear: &TestGear) -> bool {
    let mut supervisors = with_word(gear, SUPERVISORS).into_iter();
    let alive = |child: u32| ProcessId::of(child).is_some();
    supervisors.all(|supervisor| process::children(supervisor.pid).into_iter().all(alive))
}

/// Waits until the supervisor, if there is one, has done what it was at. It does one thing after the
/// other: once it has closed a connection that asks for nothing, it has done all that came before,
/// and closed all connections that others have left.
fn at_rest(gear: &TestGear, limit: Duration) -> bool {
    let mut connection = match UnixStream::connect(gear.cartridge().join("run/supervisor.sock")) {
        Ok(connection) => connection,
        Err(e) => return matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused),
    };
    connection.set_read_timeout(Some(limit)).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    matches!(connection.read(&mut [0]), Ok(0))
}

/// The process of the gear whose command line mentions `word` while its parent's does not: also one
/// whose supervisor died and was succeeded, which is nobody's child.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn leader(gear: &TestGear, word: &str) -> ProcessId {
    let found = leaders(gear, word).into_iter().next();
    found.unwrap_or_else(|| panic!("no process of the gear mentions {word}"))
}

/// The processes of the gear whose command line mentions `word` while their parents' does not.
fn leaders(gear: &TestGear, word: &str) -> Vec<ProcessId> {
    let led = |pid: u32| process::parent(pid).is_some_and(|parent| mentions(parent, word));
    let alive = gear.gear().processes().alive().into_iter();
    alive.filter(|process| mentions(process.pid, word) && !led(process.pid)).collect()
}

/// The children of `parent` whose command line mentions `word`.
#[must_use]
pub fn those_of(parent: ProcessId, word: &str) -> Vec<ProcessId> {
    let children = process::children(parent.pid).into_iter();
    children.filter(|pid| mentions(*pid, word)).filter_map(ProcessId::of).collect()
}

/// Whether the command line of a process mentions `word`; one that has ended has none.
fn mentions(pid: u32, word: &str) -> bool {
    process::command_line(pid).is_some_and(|line| line.contains(word))
}
