//! What the workers of the server that runs take: measured where a start can use it, without a process
//! that would look all the time.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::process::tree::{self, Memory};
use cart_core::process::{self, ProcessId};
use cart_python::Places;
use cart_python::worker_memory::WorkerMemory;

use crate::bring_up::Renew;
use crate::services::APPSERVER;
use crate::state::State;

/// Before it is decided what is to run: what was seen so far counts, if a new generation is made.
pub(crate) fn before(ctx: &Context<'_>, renew: Renew) {
    let state = State::ask(ctx).ok();
    if renew == Renew::IfChanged && state.as_ref().is_some_and(State::serves) {
        return;
    }
    keep(ctx, state.as_ref(), true);
}

/// After something was started: it counts the next time.
pub(crate) fn after(ctx: &Context<'_>) {
    keep(ctx, State::ask(ctx).ok().as_ref(), false);
}

/// It may be lost, so nothing fails for it.
fn keep(ctx: &Context<'_>, state: Option<&State>, settle: bool) {
    let place = Places::on_gear(ctx.gear, ctx.dir).worker_memory;
    let before = WorkerMemory::read(&place);
    let mut memory = before;
    let server = state.and_then(|state| state.process(APPSERVER, ctx).ok());
    if let Some((bytes, lived)) = server.and_then(|(_, server)| largest_worker(server)) {
        memory.see(bytes, lived);
    }
    if settle {
        memory.settle();
    }
    if memory != before {
        let _ = memory.write(&place);
    }
}

/// What the largest worker of a server takes, with all that it started, and how long the server has
/// lived; nothing of one without workers.
fn largest_worker(server: ProcessId) -> Option<(u64, Duration)> {
    let workers = process::children(server.pid).into_iter().filter_map(ProcessId::of);
    let weighed = workers.map(|worker| {
        let all = tree::with_descendants(worker);
        let all = Memory::sum(all.iter().filter_map(|process| Memory::of(process.pid)));
        all.fair_share.unwrap_or(all.resident)
    });
    Some((weighed.max().filter(|bytes| *bytes > 0)?, tree::age(server)?))
}
