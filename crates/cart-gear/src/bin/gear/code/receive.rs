//! `gear prereceive` and `gear postreceive`: what the hooks of a gear's repository call. They run in
//! the environment of whoever pushes, without a terminal, and all they print goes to the pusher. And
//! `gear settle-push`, which the first of them leaves behind.

use std::fs::OpenOptions;
use std::io::Read;
use std::time::Duration;

use cart_core::process::ProcessId;
use cart_core::{CommandSpec, run, wait};
use cart_gear::{Interrupts, Kind, PreReceive, Progress, PushedRef};

use crate::args::OnGear;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

/// A push waits for the one before it, and for its build; a node gives that an hour
/// (node-contract.md, Running scripts).
const WAIT: Duration = Duration::from_secs(3600);
/// How long the git of the other side is watched: longer than any push.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Builds and deploys what is pushed. If that fails, or the push is not to be had, git refuses it.
pub(crate) fn prereceive(name: &str, context: &mut Context) -> Result<(), Failure> {
    let refs = pushed()?;
    let git = git()?;
    end_with(git, context.interrupts.clone())?;
    let on = OnGear { name: name.to_owned(), wait: WAIT.as_secs() };
    let (mut gear, _lock) = context.work_on(&on, "prereceive (git push)")?;
    let repository = gear.receiving_repository(context.env)?;
    let caller = PreReceive { env: context.env, git };
    match gear.receive(&refs, &repository, caller, context.terminal) {
        Ok(deployment) => {
            context.terminal.done();
            if deployment.is_some()
                && let Err(failure) = watch(name, context)
            {
                let message = failure.message;
                context.terminal.notice(&format!(
                    "if git refuses the push now, the next command on {name} puts back what served before, because nobody watches git: {message}"
                ));
            }
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

/// Tells what serves, now that git has accepted the push or some of it.
pub(crate) fn postreceive(name: &str, context: &mut Context) -> Result<(), Failure> {
    let refs = pushed()?;
    let git = git()?;
    let gear = context.look_at(name)?;
    gear.note_decided(git)?;
    settle(name, git, context)?;
    let received = gear.received(&refs)?;
    received.notices.iter().for_each(|notice| remark(notice));
    if let Some(sha) = received.deployed {
        let short = sha.get(..7).unwrap_or(&sha);
        let at = gear.visit().map_or_else(String::new, |at| format!(" at http://{at}/"));
        remark(&format!("{name} serves {short}{at}"));
    }
    Ok(())
}

/// Waits until git has decided about the push that was deployed last, and takes the deployment back
/// if it is refused: git calls no hook then.
pub(crate) fn settle_push(name: &str, context: &mut Context) -> Result<(), Failure> {
    // What ends the pusher must not end this. The leader of a group, called by a person, stays that.
    let _ = rustix::process::setsid();
    let gear = context.look_at(name)?;
    let Some(git) = gear.undecided() else {
        return Ok(());
    };
    gear.wait_for_end(git);
    settle(name, git, context)
}

/// Has `git`'s decision put into effect, by whoever has the gear's lock first.
fn settle(name: &str, git: ProcessId, context: &mut Context) -> Result<(), Failure> {
    let gears = context.gears()?;
    let mut gear = context.look_at(name)?;
    let interrupts = context.interrupts.clone();
    let lock = wait::until(WAIT, || {
        if gear.undecided() != Some(git) {
            return Some(Ok(None));
        }
        let what = "gear postreceive (git push)";
        match gears.lock(name, what, Duration::ZERO, &interrupts, &mut |_| ()) {
            Ok(lock) => Some(Ok(Some(lock))),
            Err(error) if error.kind() == Kind::Busy => None,
            Err(error) => Some(Err(error)),
        }
    });
    if let Some(_lock) = lock.transpose()?.flatten() {
        gear.recover(context.terminal)?;
        context.terminal.done();
    }
    Ok(())
}

/// Starts somebody who outlives this process, and whom git does not wait for.
fn watch(name: &str, context: &Context) -> Result<(), Failure> {
    let program = caller::this_program().map_err(Failure::new)?;
    let nowhere = OpenOptions::new().write(true).open("/dev/null").map_err(Failure::new)?;
    let watch = CommandSpec::new(program, context.env).args(["settle-push", name]);
    run::daemon(&watch, Vec::new(), &nowhere)?;
    Ok(())
}

/// git's process, which called this hook.
fn git() -> Result<ProcessId, Failure> {
    rustix::process::getppid()
        .and_then(|pid| ProcessId::of(pid.as_raw_nonzero().get().cast_unsigned()))
        .ok_or_else(|| Failure::new("the git that called this hook has ended"))
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
