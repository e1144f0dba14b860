//! Starting the last good generation, when what is wanted does not come up and nothing serves.

use cart_core::Cartridge;
use cart_core::cartridge::Context;
use cart_nginx::Site;
use cart_supervisor::Failure;

use crate::advanced_python::AdvancedPython;
use crate::bring_up::{self, Renew};
use crate::error::Error;
use crate::good::{self, Good};
use crate::ready;
use crate::services::{self, Wanted};
use crate::state::State;

/// To be called with what kept the wanted generation from coming up. Starts the last good one,
/// unless something serves still; answers the error with what came of that.
pub(crate) fn instead_of(ctx: &Context<'_>, error: Error) -> Error {
    if stands_in_its_way(&error) {
        return error;
    }
    // A supervisor that cannot be asked has nothing good to say of the last good one either.
    let Some(good) = State::ask(ctx).ok().and_then(|state| to_start(ctx, &state)) else {
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

fn to_start(ctx: &Context<'_>, state: &State) -> Option<Good> {
    if state.serves() {
        return None;
    }
    let good = Good::read(ctx.dir)?;
    let address = Site::address(ctx.env, AdvancedPython::SHORT_NAME).ok()?;
    let same_place = good.nginx.listen.contains(&cart_supervisor::Listen::Tcp(address))
        && good.repo == ctx.gear.repo;
    same_place.then_some(good)
}

/// nginx may be another than it was then: it tests the configuration again.
fn start(ctx: &Context<'_>, good: Good) -> Result<(), Error> {
    // Nothing serves, so nothing needs the files of former ones. They are no obstacle either.
    let _ = good::sweep(ctx.dir);
    let master = ready::nginx(ctx)?;
    let stage = master.prepare_again(&good.config())?;
    let mut nginx = good.nginx;
    nginx.command = master.command();
    nginx.label = services::nginx_label(&master);
    let wanted = Wanted { appserver: good.appserver, nginx, master };
    bring_up::make_run(ctx, &wanted, stage, Renew::IfChanged).map(drop)
}
