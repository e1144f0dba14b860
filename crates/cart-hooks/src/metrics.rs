//! `bin/metrics`: figures for whoever watches a node.

use std::sync::mpsc;
use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::process::ProcessId;
use cart_core::process::tree::{self, Memory};
use cart_python::server;

use crate::error::Error;
use crate::services;
use crate::state::State;

/// A node waits one second for everything (node-contract.md, Logs, watchman, metrics). A supervisor
/// that is this late is as good as none.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// Tells whether the application is up and looked after, and of each service its generation, crashes, processes,
/// uptime in seconds and memory in bytes.
pub(crate) fn metrics(ctx: &mut Context<'_>) -> Result<(), Error> {
    let Some(state) = ask_in_time(ctx)? else {
        return Ok(());
    };
    if state.is_unsupervised() {
        ctx.metric("supervised", 0);
        return Ok(());
    }
    ctx.metric("up", u8::from(state.is_up()));
    if state.runs() {
        ctx.metric("supervised", 1);
    }
    for (service, process) in state.processes() {
        let name = &service.name;
        let mut tell = |what: &str, value: u64| ctx.metric(&format!("{name}.{what}"), value);
        tell("running", process.is_some().into());
        tell("generation", service.generation);
        tell("crashes", service.crashes.into());
        if let Some(process) = process {
            let has_workers = server::by_name(&service.label).is_some_and(|s| s.has_workers());
            for (what, value) in of_processes(process, has_workers) {
                tell(what, value);
            }
        }
    }
    Ok(())
}

/// What the supervisor says, unless it takes too long. The thread that waits for it then ends with
/// this program.
fn ask_in_time(ctx: &Context<'_>) -> Result<Option<State>, Error> {
    let supervisor = services::supervisor(ctx);
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || answer.send(State::of(&supervisor)));
    answered.recv_timeout(ANSWER_LIMIT).ok().transpose()
}

fn of_processes(main: ProcessId, has_workers: bool) -> Vec<(&'static str, u64)> {
    let processes = tree::with_descendants(main);
    let memory = Memory::sum(processes.iter().filter_map(|process| Memory::of(process.pid)));
    let mut figures = vec![("processes", processes.len() as u64)];
    if has_workers {
        // One worker need not be a process of its own.
        let workers = cart_core::process::children(main.pid).len().max(1);
        figures.push(("workers", workers as u64));
    }
    figures.extend(tree::age(main).map(|age| ("uptime", age.as_secs())));
    figures.push(("rss", memory.resident));
    figures.extend(memory.fair_share.map(|bytes| ("pss", bytes)));
    figures
}
