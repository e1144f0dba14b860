//! What became of a start or a restart, as a client sees it: asked through nginx.

use std::net::SocketAddr;
use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::wait;
use cart_supervisor::{Probe, Verdict};

use crate::error::Error;
use crate::messages;
use crate::names::{APPSERVER, NGINX, WEBSOCKETSERVER};
use crate::running::logs;
use crate::running::state::{State, path};
use crate::start::ready::Ready;
use crate::start::wanted;

/// How long nginx may take to react to a client that comes and goes.
const REACTION_LIMIT: Duration = Duration::from_secs(10);

/// Asks the app through nginx. An nginx that does not even react is killed, so that its supervisor
/// starts another one on the port that it holds. What is answered, but not as it should be, is told
/// and no failure: nginx may have its own mind about who is let in.
pub(crate) fn through_nginx(ctx: &mut Context<'_>, ready: &Ready) -> Result<(), Error> {
    let address = ready.site.listen;
    if !reacts(address, REACTION_LIMIT) {
        if let Ok((_, master)) = State::ask(ctx)?.process(NGINX, ctx) {
            master.kill_group();
        }
        let again = || reacts(address, REACTION_LIMIT).then_some(());
        let _ = wait::until(REACTION_LIMIT, again);
    }
    ask(ctx, ready, APPSERVER, &wanted::probe(ready))?;
    match ready.prepared.websocket {
        Some(_) => ask(ctx, ready, WEBSOCKETSERVER, &wanted::websocket_probe(ready)),
        None => Ok(()),
    }
}

/// What the server behind `service` answers through nginx.
fn ask(ctx: &mut Context<'_>, ready: &Ready, service: &str, probe: &Probe) -> Result<(), Error> {
    let address = ready.site.listen;
    let answer = cart_supervisor::ask(address, probe, ready.app.settings.start_timeout);
    let (log, _) = logs::collected_log(ctx, service, ready.app.settings.log_limits);
    let text = || messages::not_answering(address, path(probe), &answer, log.as_str());
    match &answer {
        Ok(Some(Verdict::Proved)) => Ok(()),
        // The statuses by which nginx says that it does not reach the app, which has just answered.
        Ok(Some(Verdict::WrongStatus(502 | 504)) | None) | Err(_) => {
            Err(Error::NotReached { text: text() })
        }
        Ok(Some(Verdict::WrongStatus(_) | Verdict::NoHttp)) => {
            ctx.message(&text());
            Ok(())
        }
    }
}

fn reacts(address: SocketAddr, limit: Duration) -> bool {
    matches!(cart_supervisor::ask(address, &Probe::Reaction, limit), Ok(Some(Verdict::Proved)))
}
