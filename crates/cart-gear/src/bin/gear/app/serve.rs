//! `gear serve`.

use cart_gear::{Progress, processes};

use crate::args::ServeArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;

pub(crate) fn serve(arguments: &ServeArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_as_service()?;
    let interrupts = context.interrupts.clone();
    let options =
        caller::serve_options(arguments, context.env, interrupts).map_err(Failure::usage)?;
    let format = caller::log_format(&options.app.variables).map_err(Failure::usage)?;
    let shown = arguments.app_dir.as_ref().or(arguments.prepared.as_ref());
    context.terminal.serves(shown.map_or("the app", |directory| directory.as_str()), format);
    if let Err(error) = processes::adopt_orphans() {
        context.terminal.notice(&format!(
            "daemons cannot be adopted ({error}); one that hides well may be left behind"
        ));
    }
    Ok(cart_gear::serve(options, context.terminal)?)
}
