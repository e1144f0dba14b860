//! The processes of a gear, as they are found to be killed.

use std::time::Duration;

use cart_core::process::{self, ProcessId};
use cart_core::wait;
use cart_test::TestGear;

/// The supervisor, as its pid file says.
///
/// # Panics
/// When it does not run.
#[must_use]
pub fn supervisor(gear: &TestGear) -> ProcessId {
    let pid = std::fs::read_to_string(gear.cartridge().join("run/supervisor.pid")).unwrap();
    ProcessId::of(pid.trim().parse().unwrap()).unwrap()
}

/// The supervisor's child whose command line mentions `word`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn child(gear: &TestGear, word: &str) -> ProcessId {
    child_of(supervisor(gear), word)
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

/// Waits until nothing of former generations runs: one Python server, one nginx, and of its
/// workers only those that serve. Answers whether that came about. A supervisor that died does
/// not matter: they are found by their gear.
#[must_use]
pub fn settled(gear: &TestGear, limit: Duration) -> bool {
    let calm = || {
        let nginx = leaders(gear, "nginx: master");
        let old = nginx.iter().flat_map(|master| those_of(*master, "shutting down")).count();
        (leaders(gear, "bin/python").len() == 1 && nginx.len() == 1 && old == 0).then_some(())
    };
    wait::until(limit, calm).is_some()
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
    let mentions = |pid: u32| process::command_line(pid).is_some_and(|c| c.contains(word));
    let led = |pid: u32| process::parent(pid).is_some_and(mentions);
    let alive = gear.gear().processes().alive().into_iter();
    alive.filter(|process| mentions(process.pid) && !led(process.pid)).collect()
}

/// The children of `parent` whose command line mentions `word`.
#[must_use]
pub fn those_of(parent: ProcessId, word: &str) -> Vec<ProcessId> {
    let mentions = |pid: &u32| process::command_line(*pid).is_some_and(|c| c.contains(word));
    let children = process::children(parent.pid).into_iter();
    children.filter(mentions).filter_map(ProcessId::of).collect()
}
