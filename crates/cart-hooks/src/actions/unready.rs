//! `control unready`: the end is near, so nobody new is to come; all that runs goes on.

use cart_core::cartridge::Context;
use cart_core::files;

use crate::actions::stop::MOST_SUCCESSORS;
use crate::error::Error;
use crate::messages;
use crate::running::supervisor::supervisor;

/// Has `ready` answer that this is not ready, until the next start. It waits for no other hook: what is under
/// way does not change that the end is near.
///
/// # Errors
/// [`Error::Supervisor`], of one of an older version, too, which does not know it; [`Error::File`].
pub(crate) fn unready(ctx: &mut Context<'_>) -> Result<(), Error> {
    let supervisor = supervisor(ctx.dir);
    let mut serves = false;
    for _ in 0..MOST_SUCCESSORS {
        let Some(client) = supervisor.reach()? else {
            // Nobody else would take it away from what a lost supervisor left.
            files::remove_if_exists(&ctx.dir.ready_file())?;
            serves = supervisor.left_something_running();
            break;
        };
        match client.end_nears(true) {
            // It was ending everything, or was killed: then another one is in its place, or will be.
            Err(error) if error.is_gone() => {}
            other => {
                serves = other?;
                break;
            }
        }
    }
    ctx.result(if serves { messages::UNREADY } else { messages::NOTHING_IS_READY });
    Ok(())
}
