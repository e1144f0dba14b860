//! The `release:` line of a Procfile: run once for each deployment that was built, when everything
//! beside the app runs and nothing asks the new code yet.
//!
//! A build leaves a note of its deployment, and the deploy that follows takes it away and runs the
//! line. So a restart runs nothing, and neither does whoever puts a deployment in place that was
//! built before: a rollback, whose code may know nothing of what a later release changed, and the
//! further gears of a scaled application, which are given what was built on the first.

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::cartridge::Context;
use cart_core::files;
use cart_core::run;
use cart_python::procfile::{self, Process};

use crate::error::Error;
use crate::messages;
use crate::names::SHELL;
use crate::start::ready;

/// Inside the hour that a node gives to a push (node-contract.md, Running scripts).
const LIMIT: Duration = Duration::from_secs(50 * 60);

/// Notes that the deployment which was just built has a release to run, if it has.
pub(crate) fn note(ctx: &Context<'_>) -> Result<(), Error> {
    match line(ctx)? {
        Some(_) => files::write_atomic(&path(ctx), deployment(ctx).as_bytes(), 0o600)?,
        None => files::remove_if_exists(&path(ctx))?,
    }
    Ok(())
}

/// Runs the release of the deployment that is being put in place, if it is due. It is not run a second
/// time, whatever comes of it: nobody knows what a part of it has done.
pub(crate) fn run_if_due(ctx: &mut Context<'_>) -> Result<(), Error> {
    let noted = files::read_if_exists(&path(ctx))?;
    if noted.is_none_or(|noted| noted != deployment(ctx).as_bytes()) {
        return Ok(());
    }
    files::remove_if_exists(&path(ctx))?;
    let Some(line) = line(ctx)? else { return Ok(()) };
    let command = ready::app(ctx)?.command(SHELL).args(["-c", &line.command]);
    ctx.message(&messages::releasing(&line));
    let mut last = None;
    let outcome = run::watched_within(&command, LIMIT, |printed| {
        if !printed.trim().is_empty() {
            last = Some(printed.trim().to_owned());
            ctx.message(&format!("  {printed}"));
        }
    });
    outcome.map_err(|error| Error::Release { line, last, error: Box::new(error) })
}

fn line(ctx: &Context<'_>) -> Result<Option<Process>, Error> {
    Ok(procfile::process_named(&ctx.gear.repo, "release")?)
}

fn path(ctx: &Context<'_>) -> Utf8PathBuf {
    ctx.dir.run().join("release.due")
}

/// By its name: it gets its id after its build only. Of hooks that are called by hand there is none.
fn deployment(ctx: &Context<'_>) -> String {
    ctx.gear.newest_deployment().unwrap_or_default().name
}
