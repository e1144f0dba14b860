//! `bin/metrics`: figures for whoever watches a node.

use std::sync::mpsc;
use std::time::Duration;

use cart_core::CartridgeDir;
use cart_core::cartridge::Context;

use crate::error::Error;
use crate::running::figures::Figures;
use crate::running::state::State;
use crate::running::supervisor::supervisor;

/// A node waits one second for everything (node-contract.md, Logs, watchman, metrics). A supervisor
/// that is this late is as good as none.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// Tells all figures.
pub(crate) fn metrics(ctx: &mut Context<'_>) -> Result<(), Error> {
    if let Some(figures) = gather(ctx.dir)? {
        figures.named().for_each(|(name, value)| ctx.metric(&name, value));
    }
    Ok(())
}

/// The figures of the cartridge in `dir`, unless its supervisor takes too long to say what runs. The
/// thread that waits for it then ends with this program, or with the answer.
pub(crate) fn gather(dir: &CartridgeDir) -> Result<Option<Figures>, Error> {
    let supervisor = supervisor(dir);
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || answer.send(State::of(&supervisor)));
    let state = answered.recv_timeout(ANSWER_LIMIT).ok().transpose()?;
    Ok(state.map(|state| Figures::gather(&state, dir)))
}
