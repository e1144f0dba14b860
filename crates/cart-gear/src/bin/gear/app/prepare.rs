//! `gear prepare`.

use crate::args::PrepareArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

pub(crate) fn prepare(arguments: &PrepareArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let interrupts = context.interrupts.clone();
    let mut options =
        caller::app_options(&arguments.app, context.env, interrupts).map_err(Failure::usage)?;
    if arguments.all_variables {
        options.gear.conditions.node = caller::all_variables(context.env, &options.app.variables);
    }
    if let Some(name) = &arguments.name {
        options.gear.name.clone_from(name);
    }
    cart_gear::prepare(options, &arguments.to, context.terminal)?;
    context.terminal.done();
    let to = &arguments.to;
    remark(&format!("the app is prepared in {to}: serve it with `gear serve --prepared {to}`"));
    Ok(())
}
