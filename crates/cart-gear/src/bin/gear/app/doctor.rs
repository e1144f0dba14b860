//! `gear doctor`: what the cartridge says of an app before anything is built.

use cart_gear::doctor;

use crate::args::DoctorArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::answer;

/// Fails when something would be refused.
pub(crate) fn run(arguments: &DoctorArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let interrupts = context.interrupts.clone();
    let options =
        caller::app_options(&arguments.app, context.env, interrupts).map_err(Failure::usage)?;
    let diagnosis = doctor(options, arguments.json.then_some("--json"))?;
    diagnosis.findings.iter().for_each(|line| answer(line));
    match diagnosis.refused {
        Some(refused) => Err(Failure::new(refused)),
        None => Ok(()),
    }
}
