//! `control unready`: the end is near, so nobody new is to come; all that runs goes on.

use cart_core::cartridge::Context;

use crate::error::Error;
use crate::messages;
use crate::running::supervisor::supervisor;

/// Has `ready` answer that this is not ready, until the next start. It waits for no other hook: what is under
/// way does not change that the end is near.
///
/// # Errors
/// [`Error::Supervisor`], of one of an older version, too, which does not know it.
pub(crate) fn unready(ctx: &mut Context<'_>) -> Result<(), Error> {
    let serves = match supervisor(ctx.dir).reach()? {
        Some(client) => match client.end_nears(true) {
            // It was ending everything.
            Err(error) if error.is_gone() => false,
            other => other?,
        },
        None => false,
    };
    ctx.result(if serves { messages::UNREADY } else { messages::NOTHING_IS_READY });
    Ok(())
}
