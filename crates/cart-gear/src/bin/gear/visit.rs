//! `gear run` and `gear tail`: being on a gear without changing it.

use cart_core::run;
use cart_gear::follow::{self, Follower, INTERVAL};

use crate::args::{RunArguments, TailArguments};
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::answer;

/// Becomes the command; comes back only when that could not be.
pub(crate) fn run(arguments: &RunArguments, context: &mut Context) -> Result<(), Failure> {
    let gear = context.look_at(&arguments.name)?;
    let command = gear.session(&arguments.command, context.env)?;
    Err(run::replace_self(&command).into())
}

pub(crate) fn tail(arguments: &TailArguments, context: &mut Context) -> Result<(), Failure> {
    let gear = context.look_at(&arguments.name)?;
    let directories = gear.log_directories();
    if arguments.follow {
        context.listen_to_signals()?;
    }
    let mut follower = Follower::from_now_on(directories.clone());
    for (file, line) in follow::last(&directories, arguments.lines) {
        answer(&format!("{file}: {line}"));
    }
    while arguments.follow && !context.interrupts.wait(INTERVAL) {
        follower.look(&mut |file, line| answer(&format!("{file}: {line}")));
        if !gear.layout().home().exists() {
            return Err(Failure::new(format!("{} is gone", arguments.name)));
        }
    }
    Ok(())
}
