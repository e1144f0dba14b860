//! `gear tail`.

use cart_gear::follow::{self, Follower, INTERVAL};

use crate::args::TailArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::answer;

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
