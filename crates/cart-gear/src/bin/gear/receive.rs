//! `gear prereceive` and `gear postreceive`: what the hooks of a gear's repository call. They run
//! in the environment of whoever pushes, without a terminal, and all they print goes to the pusher.

use std::io::Read;
use std::time::Duration;

use cart_core::process::ProcessId;
use cart_core::wait;
use cart_gear::Interrupts;
use cart_gear::push::PushedRef;
use cart_gear::receive::Received;

use crate::args::OnGear;
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::remark;

/// A push waits for the one before it, and for its build; a node gives that an hour
/// (node-contract.md, Running scripts).
const WAIT: Duration = Duration::from_secs(3600);
/// How long the git of the other side is watched: longer than any push.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Builds and deploys what is pushed. If that fails, or the push is not to be had, git refuses it.
pub(crate) fn prereceive(name: &str, context: &mut Context) -> Result<(), Failure> {
    let refs = pushed()?;
    let git = rustix::process::getppid()
        .and_then(|pid| ProcessId::of(pid.as_raw_nonzero().get().cast_unsigned()));
    if let Some(git) = git {
        end_with(git, context.interrupts.clone())?;
    }
    let on = OnGear { name: name.to_owned(), wait: WAIT.as_secs() };
    let (mut gear, _lock) = context.work_on(&on, "prereceive (git push)")?;
    let repository = gear.receiving_repository(context.env)?;
    let outcome = gear.receive(&refs, &repository, git, context.terminal);
    match outcome {
        Ok(Received::Stored | Received::Deployed(_)) => {
            context.terminal.done();
            Ok(())
        }
        Err(error) => {
            let failure = Failure::from(error);
            let reason = failure.message;
            Err(Failure {
                message: format!("the push is refused, and {name} is as it was: {reason}"),
                ..failure
            })
        }
    }
}

/// Tells what serves, now that git has accepted the push.
pub(crate) fn postreceive(name: &str, context: &mut Context) -> Result<(), Failure> {
    let refs = pushed()?;
    let gear = context.look_at(name)?;
    if let Some(sha) = gear.received(&refs)? {
        let short = sha.get(..7).unwrap_or(&sha);
        let at = gear.visit().map_or_else(String::new, |at| format!(" at http://{at}/"));
        remark(&format!("{name} serves {short}{at}"));
    }
    Ok(())
}

fn pushed() -> Result<Vec<PushedRef>, Failure> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).map_err(Failure::new)?;
    Ok(PushedRef::parse(&input))
}

/// Whoever is gone cannot be told how it ended, and git accepts nothing any more: then the push
/// ends, too. Ctrl-C at a terminal ends git, and reaches this process as well.
fn end_with(git: ProcessId, interrupts: Interrupts) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("pusher".to_owned())
        .spawn(move || {
            if wait::until(LONG, || (!git.is_alive()).then_some(())).is_some() {
                interrupts.raise_with_caller();
            }
        })
        .map(drop)
        .map_err(Failure::new)
}
