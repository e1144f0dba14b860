//! A cartridge's supervised processes, found by what they are, whatever became of files: the
//! supervisor and those that succeed it by their command lines, services by what they print to.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::process::{self, ProcessId, tree};
use cart_core::wait;
use rustix::process::Signal;

use crate::protocol::record::Record;
use crate::protocol::subcommands::{
    GUARD, SUCCEED, SUCCEED_TO_END, SUPERVISE, TAKE_OVER, WRITE_LOG,
};

/// How long a process that was killed may take to be gone.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// The supervisors of the cartridge with this `run/`: more than one only for moments.
pub(crate) fn supervisors(run: &Utf8Path) -> Vec<ProcessId> {
    ours(|words| {
        matches!(
            words,
            [_, SUPERVISE | SUCCEED | SUCCEED_TO_END | TAKE_OVER, place, ..] if *place == run
        )
    })
}

/// Those that start the next supervisor when theirs was killed.
pub(crate) fn heirs(run: &Utf8Path) -> Vec<ProcessId> {
    ours(|words| match words {
        [_, GUARD, place, _] | [_, WRITE_LOG, _, _, _, place, _] => *place == run,
        _ => false,
    })
}

/// This user's processes with such a command line: nobody else's may keep us from anything.
fn ours(is_it: impl Fn(&[&str]) -> bool) -> Vec<ProcessId> {
    let user = rustix::process::geteuid().as_raw();
    let is_ours = |pid: &u32| {
        let words = process::words(*pid);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        is_it(&words) && process::user(*pid) == Some(user) && process::shares_files(*pid)
    };
    process::all().into_iter().filter(is_ours).filter_map(ProcessId::of).collect()
}

/// What a supervisor of this cartridge started and nobody knows of any more.
pub(crate) fn strays(run: &Utf8Path, logs: &Utf8Path) -> Vec<ProcessId> {
    let mut found = process::printing_below(&[run, logs]);
    if found.is_empty() {
        return found;
    }
    // Before the record: who is started meanwhile is in none.
    let supervisors = supervisors(run);
    let record = Record::read(run);
    let known = record.processes.iter().map(|recorded| recorded.process);
    let known = known.chain(supervisors).chain(record.writers.iter().copied()).chain(heirs(run));
    let known: Vec<ProcessId> = known.flat_map(tree::with_descendants).collect();
    let leads = |group: u32| known.iter().any(|process| process.pid == group);
    // One that has ended meanwhile was known, perhaps.
    found.retain(|process| {
        !known.contains(process)
            && !process::group(process.pid).is_some_and(leads)
            // Its session was the dead supervisor's; whoever else prints there has one of his own.
            && process::outlives_its_session(process.pid)
            && process.is_alive()
    });
    found
}

/// Ends the strays; answers whether there were any.
pub(crate) fn end_strays(run: &Utf8Path, logs: &Utf8Path, limit: Duration) -> bool {
    let mut any = false;
    for (signal, limit) in [(Signal::TERM, limit), (Signal::KILL, AFTER_KILL)] {
        let mut told = Vec::new();
        let gone = wait::until(limit, || {
            let left = strays(run, logs);
            for process in left.iter().filter(|process| !told.contains(*process)) {
                process.signal(signal);
                // What is stopped ends only when it goes on.
                process.signal(Signal::CONT);
            }
            any |= !left.is_empty();
            told.extend(&left);
            left.is_empty().then_some(())
        });
        if gone.is_some() {
            break;
        }
    }
    any
}
