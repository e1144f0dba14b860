//! `gear activate`.

use crate::args::ActivateArguments;
use crate::code::deploy::tell_serves;
use crate::shared::context::Context;
use crate::shared::failure::Failure;

pub(crate) fn activate(
    arguments: &ActivateArguments,
    context: &mut Context,
) -> Result<(), Failure> {
    let (mut gear, _lock) = context.work_on(&arguments.gear, "activate")?;
    let deployment = gear.activate(&arguments.id, context.terminal)?;
    context.terminal.done();
    tell_serves(&gear, &deployment);
    Ok(())
}
