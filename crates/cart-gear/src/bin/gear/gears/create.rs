//! `gear create`.

use cart_gear::{keep, names, push_command};

use crate::args::CreateArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn create(arguments: &CreateArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    names::check(name).map_err(Failure::usage)?;
    let (options, app) = caller::create_options(arguments, context.env, context.interrupts.clone())
        .map_err(Failure::usage)?;
    let gears = context.gears()?;
    // No need to wait for whoever works on it.
    gears.check_new(name)?;
    context.listen_to_signals()?;
    let lock = context.lock(&gears, &arguments.gear, "create")?;
    let visit = keep(&gears, options, &app, lock, context.terminal)?;
    context.terminal.done();
    answer(&match visit {
        Some(address) => format!("{name} is at http://{address}/"),
        None => format!("{name} is made"),
    });
    let repository = gears.home_of(name).join(format!("git/{name}.git"));
    remark(&format!("`{}` deploys another commit", push_command(&repository, "master")));
    Ok(())
}
