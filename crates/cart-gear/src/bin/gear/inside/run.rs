//! `gear run`: being on a gear without changing it.

use cart_core::run;

use crate::args::RunArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;

/// Becomes the command; comes back only when that could not be.
pub(crate) fn run(arguments: &RunArguments, context: &mut Context) -> Result<(), Failure> {
    let gear = context.look_at(&arguments.name)?;
    let command = gear.session(&arguments.command, context.env)?;
    Err(run::replace_self(&command).into())
}
