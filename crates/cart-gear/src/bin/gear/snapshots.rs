//! `gear snapshot` and `gear restore`.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_gear::ArchiveError;
use cart_gear::SnapshotError;
use cart_gear::State;
use cart_gear::UnpackError;
use cart_gear::{RestoreError, RestoredRepository};
use clap::Args;

use crate::args::OnGear;
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::remark;

#[derive(Args, Debug)]
pub(crate) struct SnapshotArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The file to write, or `-` for standard output [default: standard output, or NAME.tar.gz here
    /// if that is a terminal]
    #[arg(value_name = "FILE.tar.gz")]
    pub(crate) file: Option<Utf8PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The snapshot, of this or another gear, or of a gear on a node; `-` is standard input
    #[arg(value_name = "FILE.tar.gz")]
    pub(crate) file: Utf8PathBuf,

    /// Leave the gear's git repository as it is
    #[arg(long)]
    pub(crate) no_git: bool,
}

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

pub(crate) fn restore(arguments: &RestoreArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    let mut archive: Box<dyn Read> = if arguments.file == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = File::open(&arguments.file);
        Box::new(opened.map_err(|e| FileError::new("read", &arguments.file, e))?)
    };
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

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let message = error.to_string();
        match error {
            SnapshotError::Hook(error) => error.into(),
            SnapshotError::Recover(error) => error.into(),
            SnapshotError::NotStarted(script) => Self::of_script(&script, message),
            SnapshotError::Archive(ArchiveError::Interrupted) => Self::interrupted(message),
            _ => Self::new(message),
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let message = error.to_string();
        match error {
            RestoreError::Before(script) => Self::of_script(&script, message),
            RestoreError::Afterwards(build) | RestoreError::Recover(build) => {
                Self::of_build(&build, message)
            }
            RestoreError::Snapshot(UnpackError::Interrupted) => Self::interrupted(message),
            _ => Self::new(message),
        }
    }
}
