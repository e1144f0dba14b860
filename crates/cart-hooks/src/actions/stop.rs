//! `control stop`: ending everything.

use cart_core::cartridge::Context;
use cart_supervisor::ClientError;

use crate::error::Error;
use crate::names::{APPSERVER, NGINX};
use crate::running::supervisor::{STOP_LIMIT, STRAYS_LIMIT, supervisor};
use crate::start::good;

/// How often a supervisor may be killed while it is told to end everything.
pub(crate) const MOST_SUCCESSORS: usize = 10;

/// Stops everything, nginx first, so that requests under way still find the app; answers whether
/// anything ran. What no supervisor knows of is ended, too.
pub(crate) fn take_down(ctx: &Context<'_>) -> Result<bool, Error> {
    let supervisor = supervisor(ctx.dir);
    let mut ran = false;
    for _ in 0..MOST_SUCCESSORS {
        let Some(client) = supervisor.find_or_take_over()? else { break };
        let ended = || -> Result<bool, ClientError> {
            let ran = !client.status()?.is_empty();
            client.end(&[NGINX, APPSERVER], STOP_LIMIT).map(|()| ran)
        };
        match ended() {
            // It was ending everything, or was killed: then another one is in its place, or will be.
            Err(error) if error.is_gone() => ran = true,
            other => {
                ran |= other?;
                break;
            }
        }
    }
    ran |= supervisor.end_strays(STRAYS_LIMIT);
    // Nothing runs from there any more. What cannot be removed now is removed another time.
    let _ = good::sweep(ctx.dir);
    Ok(ran)
}
