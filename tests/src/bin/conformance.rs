//! `cargo xtask conformance`: plays every check on every server and prints the table.

#![expect(clippy::print_stdout, reason = "this program is there to print")]

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use clap::Parser;
use tests::conformance::{self, CHECKS, Check, Length, Row, Verdict};
use tests::way::{self, WAYS, Way};

/// Whether every server behaves as the others do
#[derive(Debug, Parser)]
#[command(name = "cargo xtask conformance", bin_name = "cargo xtask conformance")]
struct Arguments {
    /// The assembled cartridge
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    cartridge: Utf8PathBuf,
    /// Only this server, or this way to run it (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = way::names())]
    server: Vec<String>,
    /// Only this check (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = CHECKS.iter().map(|c| c.name).collect::<Vec<_>>())]
    check: Vec<String>,
    /// Without the checks that take minutes
    #[arg(long)]
    short: bool,
    /// List the checks, and play none
    #[arg(long)]
    list: bool,
    /// Write the result as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<Utf8PathBuf>,
    /// Draw the table, too
    #[arg(long, value_name = "FILE")]
    svg: Option<Utf8PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        CHECKS.iter().for_each(|check| println!("{:<15}  {}", check.name, check.about));
        return ExitCode::SUCCESS;
    }
    // What a check says is in the table.
    std::panic::set_hook(Box::new(|_| ()));
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let checks: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| wanted(&arguments.check, check.name))
        .filter(|check| check.length <= Length::OwnGear || !arguments.short)
        .collect();
    let ways = WAYS.iter().filter(|way| wanted(&arguments.server, way.name));
    let rows: Vec<Row> = ways.map(|way| play(&arguments.cartridge, way, &checks)).collect();
    println!("\n{}", conformance::text(&rows));
    let failed: usize = rows.iter().map(|row| row.failures().len()).sum();
    println!("{failed} cells are red");
    let written = arguments
        .json
        .map_or(Ok(()), |file| write(&file, &format!("{:#}\n", conformance::json(&rows))))
        .and(arguments.svg.map_or(Ok(()), |file| write(&file, &conformance::svg(&rows))));
    if let Err(error) = &written {
        println!("{error}");
    }
    if failed == 0 && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(cartridge: &Utf8Path, way: &'static Way, checks: &[&'static Check]) -> Row {
    let begin = Instant::now();
    println!("{}", way.name);
    let row = conformance::play(cartridge, way, checks, |check, verdict| match verdict {
        Verdict::Passed => {}
        Verdict::Failed(why) => {
            println!("    {:<15}  FAILED: {}", check.name, why.replace('\n', "\n    "));
        }
        Verdict::Impossible(why) => println!("    {:<15}  impossible: {why}", check.name),
    });
    println!("    {} s", begin.elapsed().as_secs());
    let _ = std::io::stdout().flush();
    row
}

fn write(file: &Utf8Path, text: &str) -> Result<(), FileError> {
    files::write_atomic(file, text.as_bytes(), 0o644)
}
