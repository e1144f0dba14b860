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

/// The supervisor, as its pid file says.
///
/// # Panics
/// When it does not run.
#[must_use]
pub fn supervisor(gear: &TestGear) -> ProcessId {
    let pid = std::fs::read_to_string(gear.cartridge().join("run/supervisor.pid")).unwrap();
    ProcessId::of(pid.trim().parse().unwrap()).unwrap()
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
            ServiceState::BackingOff { .. } | ServiceState::GaveUp { .. } => None,
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
    let pid = std::fs::read_to_string(gear.cartridge().join("run/supervisor.pid"));
    let pid: Option<u32> = pid.ok().and_then(|pid| pid.trim().parse().ok());
    let children = pid.map(process::children).unwrap_or_default();
    children.into_iter().all(|child| ProcessId::of(child).is_some())
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
