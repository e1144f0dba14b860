//! One start, one restart: a line of steps, of which each takes what the one before gives. Until the app
//! has proved itself, nothing that serves is touched; until what replaces another is kept, nginx is not
//! asked. If a step fails and nothing serves then, what worked last is started instead.

// In the order of the steps.
pub(crate) mod outcome;
pub(crate) mod ready;
pub(crate) mod wanted;

mod run;

mod learnt;

pub(crate) mod good;

pub(crate) mod front;

mod asked;
mod memory;
mod tell;

pub(crate) mod last_good;

use cart_core::cartridge::Context;
use cart_core::files::FileError;
use cart_nginx::Stage;
use cart_python::collected;
use cart_supervisor::Change;

use crate::error::Error;
use crate::messages;
use outcome::{Renew, Up};
use ready::Ready;
use run::Run;
use wanted::Wanted;

/// Makes run what the gear says now, and says so.
///
/// # Errors
/// That of the step that failed; with what became of the last good generation, where nothing served
/// any more.
pub(crate) fn start(ctx: &mut Context<'_>, renew: Renew) -> Result<(), Error> {
    line(ctx, renew).map_err(|error| last_good::instead_of(ctx, error))
}

fn line(ctx: &mut Context<'_>, renew: Renew) -> Result<(), Error> {
    memory::before(ctx, renew);
    let made = make_ready(ctx)?;
    let proved = prove(ctx, made, renew)?;
    let kept = keep(ctx, proved);
    let served = put_in_front(ctx, kept, renew)?;
    tell(ctx, &served)
}

/// The settings are read, the environment is made, the configuration is tested.
fn make_ready(ctx: &mut Context<'_>) -> Result<(Ready, Stage), Error> {
    let app = ready::app(ctx)?;
    let (ready, stage) = Ready::make(ctx, app)?;
    tell::chosen(ctx, &ready);
    Ok((ready, stage))
}

/// An app that runs as it is wanted and has answered, beside what served before.
struct Proved {
    ready: Ready,
    wanted: Wanted,
    stage: Stage,
    run: Run,
    app: Change,
}

fn prove(ctx: &mut Context<'_>, made: (Ready, Stage), renew: Renew) -> Result<Proved, Error> {
    let (mut ready, mut stage) = made;
    let mut wanted = Wanted::of(ctx, &ready);
    let mut run = Run::begin(ctx)?;
    let mut app = run.prove(&wanted, renew);
    // Nobody chose a server, and an import has shown which one it should have been.
    if let Err(error) = &app
        && learnt::learns(ctx, &ready, error)?
    {
        // Its place is the next one's.
        drop(stage);
        (ready, stage) = make_ready(ctx)?;
        wanted = Wanted::of(ctx, &ready);
        run = Run::begin(ctx)?;
        app = run.prove(&wanted, renew);
    }
    Ok(Proved { ready, wanted, stage, run, app: app? })
}

/// What has proved itself, and whether it could be kept as the last good generation.
struct Kept {
    proved: Proved,
    kept: Result<(), FileError>,
}

/// Before nginx is asked: a failure there, or a kill, must not leave the former code as the last good
/// one. Where nothing ran before, there is nothing to go back to yet.
fn keep(ctx: &Context<'_>, proved: Proved) -> Kept {
    let kept = match proved.app {
        Change::Replaced => good::keep(ctx, &proved.ready, &proved.wanted),
        Change::Started | Change::Unchanged => Ok(()),
    };
    Kept { proved, kept }
}

/// What visitors reach.
struct Served {
    ready: Ready,
    up: Up,
}

fn put_in_front(ctx: &mut Context<'_>, kept: Kept, renew: Renew) -> Result<Served, Error> {
    let Kept { proved: Proved { ready, wanted, stage, run, app }, kept } = kept;
    let up = run.put_in_front(ctx, &wanted, stage, renew, app)?;
    // nginx's configuration is a part of what is kept.
    let kept = kept.and_then(|()| match app {
        Change::Started => good::keep(ctx, &ready, &wanted),
        Change::Replaced => good::keep_config(ctx, &ready, &wanted),
        // What runs already may be older than the code that lies in the repository now.
        Change::Unchanged => {
            last_good::release(ctx, &ready, &wanted);
            good::keep_config(ctx, &ready, &wanted)
        }
    });
    if let Err(error) = kept.and_then(|()| good::sweep(ctx.dir)) {
        ctx.message(&messages::not_kept(&error));
    }
    Ok(Served { ready, up })
}

/// What it came to, as a client sees it.
fn tell(ctx: &mut Context<'_>, Served { ready, up }: &Served) -> Result<(), Error> {
    asked::through_nginx(ctx, ready)?;
    if *up == Up::Started {
        memory::after(ctx);
    }
    // What cannot be removed now is removed another time.
    let _ = collected::sweep(&ready.app.places.environment);
    tell::served(ctx, ready, *up);
    Ok(())
}
