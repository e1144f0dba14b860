//! What is done to a gear with one word: `gear start` and the like.

use cart_gear::{HookOutput, Progress, Said, State};

use crate::args::OnGear;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Start,
    Stop,
    Restart,
    Reload,
    Tidy,
    Idle,
    Unidle,
}

pub(crate) fn run(operation: Operation, on: &OnGear, context: &mut Context) -> Result<(), Failure> {
    let word = format!("{operation:?}").to_lowercase();
    let (mut gear, _lock) = context.work_on(on, &word)?;
    let progress = &mut *context.terminal;
    let mut worth_it = true;
    match operation {
        Operation::Start => drop(gear.start(progress)?),
        Operation::Stop => drop(gear.stop(progress)?),
        Operation::Restart => drop(gear.restart(progress)?),
        Operation::Reload => drop(gear.reload(progress)?),
        Operation::Tidy => gear.tidy(progress)?,
        Operation::Idle => worth_it = gear.idle(progress)?,
        Operation::Unidle => worth_it = gear.unidle(progress)?,
    }
    context.terminal.done();
    let at = match (gear.state(), gear.visit()) {
        (State::Started, Some(address)) => format!(" at http://{address}/"),
        _ => String::new(),
    };
    if !worth_it {
        remark(&format!("there was nothing to {word}"));
    }
    remark(&format!("{} is {}{at}", on.name, gear.state()));
    Ok(())
}

/// What the cartridge prints is the answer.
pub(crate) fn threaddump(on: &OnGear, context: &mut Context) -> Result<(), Failure> {
    let (gear, _lock) = context.work_on(on, "threaddump")?;
    let output = gear.threaddump(&mut OnlyNotices(context))?;
    if lines(&output).next().is_none() {
        remark("the cartridge said nothing; look into its logs: gear tail");
    }
    lines(&output).for_each(answer);
    Ok(())
}

/// The lines that are for people, in their order.
pub(crate) fn lines(output: &HookOutput) -> impl Iterator<Item = &str> {
    let for_people = |said| !matches!(said, Said::Debug | Said::ForBroker);
    output.lines.iter().filter(move |line| for_people(line.said)).map(|line| line.text.as_str())
}

/// For commands that print a script's output themselves.
pub(crate) struct OnlyNotices<'a, 'b>(pub(crate) &'a mut Context<'b>);

impl Progress for OnlyNotices<'_, '_> {
    fn notice(&mut self, text: &str) {
        self.0.terminal.notice(text);
    }
}
