//! `gear restore`.

use std::fs::File;
use std::io::Read;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_gear::{RestoredRepository, State};

use crate::args::RestoreArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

pub(crate) fn restore(arguments: &RestoreArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    let mut archive = open(&arguments.file)?;
    let repository = match arguments.no_git {
        true => RestoredRepository::Kept,
        false => RestoredRepository::Restored,
    };
    let (mut gear, _lock) = context.work_on(&arguments.gear, "restore")?;
    gear.restore(&mut archive, repository, context.terminal)?;
    context.terminal.done();
    let at = match (gear.state(), gear.visit()) {
        (State::Started, Some(address)) => format!(" at http://{address}/"),
        _ => String::new(),
    };
    remark(&format!("{name} is restored from {}; it is {}{at}", arguments.file, gear.state()));
    Ok(())
}

/// A snapshot, or standard input as `-`.
pub(crate) fn open(file: &Utf8Path) -> Result<Box<dyn Read>, FileError> {
    if file == "-" {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(File::open(file).map_err(|error| FileError::new("read", file, error))?))
}
