//! What an import shows that the code did not tell: for which interface the app is.

use cart_core::cartridge::Context;
use cart_python::interface::Interface;
use cart_python::{PythonApp, Served};

use crate::error::Error;
use crate::messages;
use crate::start::ready::Ready;

/// Whether the start failed because the app has another interface than was believed, and another
/// server shall therefore be tried. What it is, is kept for the next start.
pub(super) fn learns(ctx: &mut Context<'_>, ready: &Ready, error: &Error) -> Result<bool, Error> {
    let Error::AppServer { failure, is_second, .. } = error else {
        return Ok(false);
    };
    let Some((app, served)) = server_of(ready, *is_second) else {
        return Ok(false);
    };
    let Some(interface) = Interface::found_by_launcher(failure.last_lines()) else {
        return Ok(false);
    };
    let learns = app.learn(&served, interface)?;
    if learns {
        ctx.message(&messages::learnt(interface));
    }
    Ok(learns)
}

/// The app as one of its servers sees it, and what that runs.
fn server_of(ready: &Ready, is_second: bool) -> Option<(PythonApp, Served)> {
    if is_second {
        return Some((ready.app.for_websockets()?, ready.prepared.websocket.clone()?.served));
    }
    Some((ready.app.clone(), ready.prepared.app.served.clone()))
}
