//! `control unready`: the end is near, so nobody new is to come; all that runs goes on.

use cart_core::cartridge::Context;
use cart_core::files;

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
    let serves = match supervisor.reach()? {
        Some(client) => match client.end_nears(true) {
            // It was ending everything.
            Err(error) if error.is_gone() => false,
            other => other?,
        },
        // Nobody else would take it away from what a lost supervisor left.
        None => {
            files::remove_if_exists(&ctx.dir.ready_file())?;
            supervisor.left_something_running()
        }
    };
    ctx.result(if serves { messages::UNREADY } else { messages::NOTHING_IS_READY });
    Ok(())
}
