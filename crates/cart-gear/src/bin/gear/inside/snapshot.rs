//! `gear snapshot`.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use camino::{Utf8Path, Utf8PathBuf};

use crate::args::SnapshotArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

pub(crate) fn snapshot(
    arguments: &SnapshotArguments,
    context: &mut Context,
) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    let on_terminal = std::io::stdout().is_terminal();
    let file = match &arguments.file {
        Some(file) if file != "-" => Some(file.clone()),
        Some(_) if on_terminal => {
            return Err(Failure::usage("a snapshot is not for a terminal: name a file"));
        }
        None if on_terminal => Some(Utf8PathBuf::from(format!("{name}.tar.gz"))),
        _ => None,
    };
    let (mut gear, _lock) = context.work_on(&arguments.gear, "snapshot")?;
    match &file {
        Some(file) => gear.snapshot_to(file, context.terminal)?,
        None => {
            let out = std::io::stdout().as_fd().try_clone_to_owned().map_err(Failure::new)?;
            gear.snapshot(&mut File::from(out), context.terminal)?;
        }
    }
    context.terminal.done();
    let place = file.as_deref().map_or("standard output", Utf8Path::as_str);
    remark(&format!("{name} is in {place}; it is {}", gear.state()));
    Ok(())
}
