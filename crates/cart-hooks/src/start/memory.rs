//! What the processes of the app take: measured where a start can use it, without a process that would
//! look all the time.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::process::tree::{self, Memory};
use cart_core::process::{self, ProcessId};
use cart_python::Places;
use cart_python::memory::{SECOND, SeenMemory, WEB};
use cart_supervisor::ServiceStatus;

use crate::names::{APPSERVER, WEBSOCKETSERVER, is_of_procfile};
use crate::running::state::State;
use crate::running::supervisor::supervisor;
use crate::start::outcome::Renew;

/// Before it is decided what is to run: what was seen so far counts, if a new generation is made.
pub(crate) fn before(ctx: &Context<'_>, renew: Renew) {
    let state = running(ctx);
    if renew == Renew::IfChanged && state.as_ref().is_some_and(State::serves) {
        return;
    }
    keep(ctx, state.as_ref(), true);
}

/// After something was started: it counts the next time.
pub(crate) fn after(ctx: &Context<'_>) {
    keep(ctx, running(ctx).as_ref(), false);
}

/// Nobody is waited for, only to be weighed.
fn running(ctx: &Context<'_>) -> Option<State> {
    State::at_once(&supervisor(ctx.dir)).ok()
}

/// It may be lost, so nothing fails for it.
fn keep(ctx: &Context<'_>, state: Option<&State>, settle: bool) {
    let place = Places::on_gear(ctx.gear, ctx.dir).memory;
    let before = SeenMemory::read(&place);
    let mut memory = before.clone();
    let running = state.into_iter().flat_map(State::processes);
    let running = running.filter_map(|(service, process)| Some((service, process?)));
    for (name, bytes, lived) in running.filter_map(|(service, process)| weigh(service, process)) {
        memory.see(name, bytes, lived);
    }
    if settle {
        memory.settle();
    }
    if memory != before {
        let _ = memory.write(&place);
    }
}

/// By which name a process counts, what it takes, with all that it started, and how long it has lived.
/// Of the Python server it is the largest of its workers, of one without workers nothing.
fn weigh(service: &ServiceStatus, process: ProcessId) -> Option<(&str, u64, Duration)> {
    let largest_worker = || {
        let workers = process::children(process.pid).into_iter().filter_map(ProcessId::of);
        workers.map(all_of).max()
    };
    let (name, bytes) = match service.name.as_str() {
        APPSERVER => (WEB, largest_worker()?),
        // As it is one process, as a rule.
        WEBSOCKETSERVER => (SECOND, largest_worker().unwrap_or_else(|| all_of(process))),
        _ if is_of_procfile(service) => (service.label.as_str(), all_of(process)),
        _ => return None,
    };
    (bytes > 0).then_some((name, bytes, tree::age(process)?))
}

fn all_of(process: ProcessId) -> u64 {
    let all = tree::with_descendants(process);
    let all = Memory::sum(all.iter().filter_map(|process| Memory::of(process.pid)));
    all.fair_share.unwrap_or(all.resident)
}
