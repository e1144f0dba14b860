//! `control threaddump`: where every process of the Python server is, in its log and here.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::lock::HookLock;
use cart_python::stacks;

use crate::error::Error;
use crate::messages;
use crate::names::{APPSERVER, WEBSOCKETSERVER};
use crate::running::state::{self, State};

/// How long it may take: a server with many processes of which none answers is shown in part.
const LIMIT: Duration = Duration::from_secs(90);

/// Shows the stacks. It waits for no other hook but itself: a restart that hangs because the app
/// does is when one wants to see them.
pub(crate) fn threaddump(ctx: &mut Context<'_>) -> Result<(), Error> {
    let state = State::ask(ctx)?;
    let first = state.process(APPSERVER, ctx);
    // There is none, as a rule.
    let second = state.process(WEBSOCKETSERVER, ctx).ok();
    let servers = match (first, second) {
        (Err(error), None) => return Err(error),
        (first, second) => first.ok().into_iter().chain(second),
    };
    let lock = ctx.dir.run().join("threaddump.lock");
    let _lock = HookLock::acquire(&lock, "control threaddump", LIMIT)?;
    for (service, process) in servers {
        let stacks = stacks::of_server(process, &service.log, LIMIT);
        ctx.result(&messages::stacks(&service.label, &stacks, state::log(service, ctx)));
    }
    Ok(())
}
