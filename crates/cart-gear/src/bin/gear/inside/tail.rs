//! `gear tail`.

use std::time::SystemTime;

use cart_core::LogFormat;
use cart_gear::follow::{self, Follower, INTERVAL};
use cart_gear::user_variables;

use crate::args::TailArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::answer;
use crate::shared::{caller, json};

pub(crate) fn tail(arguments: &TailArguments, context: &mut Context) -> Result<(), Failure> {
    let gear = context.look_at(&arguments.name)?;
    let directories = gear.log_directories();
    if arguments.follow {
        context.listen_to_signals()?;
    }
    // A value that is wrong keeps nobody from the logs that say so.
    let variables = user_variables::list(gear.layout().home())?;
    let format = caller::log_format(&variables).unwrap_or_default();
    let show = |found, file: &str, text: &str| match format {
        LogFormat::Text => answer(&format!("{file}: {text}")),
        LogFormat::Json => answer(&json::line(found, file, text)),
    };
    let mut follower = Follower::from_now_on(directories.clone());
    for line in follow::last(&directories, arguments.lines) {
        show(line.written, &line.file, &line.text);
    }
    while arguments.follow && !context.interrupts.wait(INTERVAL) {
        follower.look(&mut |file, text| show(SystemTime::now(), file, text));
        if !gear.layout().home().exists() {
            return Err(Failure::new(format!("{} is gone", arguments.name)));
        }
    }
    Ok(())
}
