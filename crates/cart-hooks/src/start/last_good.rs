//! Starting the last good generation, when what is wanted does not come up: at once if nothing
//! serves, else should what serves crash.

use cart_core::cartridge::Context;
use cart_nginx::Site;
use cart_supervisor::{Failure, ServiceSpec};

use crate::error::Error;
use crate::names::SHORT_NAME;
use crate::running::state::State;
use crate::running::supervisor::supervisor;
use crate::start::good::{self, Good};
use crate::start::outcome::Renew;
use crate::start::ready::{self, Ready};
use crate::start::run::Run;
use crate::start::wanted;
use crate::start::wanted::Wanted;

/// To be called with what kept the wanted generation from coming up. Starts the last good one,
/// unless something serves still; answers the error with what came of that.
pub(crate) fn instead_of(ctx: &mut Context<'_>, error: Error) -> Error {
    // What a dead supervisor left behind may be nginx alone. One that cannot be had, or asked, has
    // nothing good to say of the last good generation either.
    let _ = supervisor(ctx.dir).find_or_take_over();
    let Ok(state) = State::ask(ctx) else {
        return error;
    };
    if state.serves() {
        hold(ctx);
        return error;
    }
    if stands_in_its_way(&error) {
        return error;
    }
    let Some(good) = fitting(ctx) else {
        return error;
    };
    let (server, date, has_code) = (good.server.clone(), good.date(), good.has_code);
    match start(ctx, good) {
        Ok(()) => Error::LastGoodServes { error: Box::new(error), server, date, has_code },
        Err(also) => {
            Error::LastGoodFailed { error: Box::new(error), server, date, also: Box::new(also) }
        }
    }
}

/// Whether the last good generation would fail by the same.
fn stands_in_its_way(error: &Error) -> bool {
    matches!(
        error,
        Error::Supervisor(_)
            | Error::NginxBinary(_)
            | Error::NginxService { failure: Failure::AddressTaken { .. } }
    )
}

/// Sees to it that what serves now, should it crash, is started again from the copies of the last
/// good generation, until another generation serves: what lies in the repository may be broken,
/// or half there. Without that, nothing changes.
pub(crate) fn hold(ctx: &Context<'_>) {
    if let Some(good) = fitting(ctx)
        && let Ok(Some(client)) = supervisor(ctx.dir).find()
    {
        let runs = client.status().unwrap_or_default();
        let good =
            std::iter::once(good.appserver).chain(good.websocketserver).chain(good.background);
        // One for other sockets would not find its own.
        let fits = |spec: &ServiceSpec| {
            runs.iter().any(|known| known.name == spec.name && known.listen == spec.listen)
        };
        for spec in good.filter(fits) {
            // One that is ending, or does not know the request, is no reason for this hook to fail.
            let _ = client.start_again_with(&spec.name, spec.command);
        }
    }
}

/// Takes back a [`hold`]: what serves is, once more, what lies in the repository.
pub(crate) fn release(ctx: &Context<'_>, ready: &Ready, wanted: &Wanted) {
    if good::is_kept(ctx, ready)
        && let Ok(Some(client)) = supervisor(ctx.dir).find()
    {
        for spec in wanted.servers().chain(&wanted.background) {
            let _ = client.start_again_with(&spec.name, spec.command.clone());
        }
    }
}

/// The last good generation, if it is of this very place.
fn fitting(ctx: &Context<'_>) -> Option<Good> {
    let good = Good::read(ctx.dir)?;
    let address = Site::address(ctx.env, SHORT_NAME).ok()?;
    let same_place = good.nginx.listen.contains(&cart_supervisor::Listen::Tcp(address))
        && good.repo == ctx.gear.repo;
    same_place.then_some(good)
}

/// nginx may be another than it was then: it tests the configuration again.
fn start(ctx: &mut Context<'_>, good: Good) -> Result<(), Error> {
    // Nothing serves, so nothing needs the files of former ones. They are no obstacle either.
    let _ = good::sweep(ctx.dir);
    let master = ready::nginx(ctx)?;
    let stage = master.prepare_again(&good.config())?;
    let mut nginx = good.nginx;
    nginx.command = master.command();
    nginx.label = wanted::nginx_label(&master);
    let Good { appserver, websocketserver, background, metrics, .. } = good;
    // It serves files as they are.
    let files = None;
    let wanted = Wanted { appserver, websocketserver, nginx, background, metrics, files, master };
    let run = Run::begin(ctx)?;
    let app = run.prove(&wanted, Renew::IfChanged)?;
    run.put_in_front(ctx, &wanted, stage, Renew::IfChanged, app).map(drop)
}
