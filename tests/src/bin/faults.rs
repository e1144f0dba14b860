//! Plays faults where it was started: on a small disk, or as another user. The integration test
//! of the same name starts it there.

#![expect(
    clippy::print_stderr,
    reason = "when a fault is not borne, its name stands before the reason"
)]

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;
use tests::faults::{Place, Stage};

/// Plays faults of the machine under a gear that serves
#[derive(Debug, Parser)]
struct Arguments {
    /// What this place is
    #[arg(value_enum)]
    kind: Place,
    /// The assembled cartridge
    #[arg(long)]
    cartridge: Utf8PathBuf,
    /// The app
    #[arg(long)]
    app: Utf8PathBuf,
    /// A directory of its own
    #[arg(long)]
    place: Utf8PathBuf,
}

fn main() -> ExitCode {
    let Arguments { kind, cartridge, app, place } = Arguments::parse();
    Stage { cartridge, app, place }.play(kind, |scenario| eprintln!("{scenario}"));
    ExitCode::SUCCESS
}
