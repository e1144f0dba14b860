//! `cargo xtask autobahn`: plays Autobahn's cases on every server that has WebSockets.

#![expect(clippy::print_stdout, reason = "this program is there to print")]

use std::process::ExitCode;
use std::time::Instant;

use camino::Utf8PathBuf;
use clap::Parser;
use tests::autobahn::{self, COMPRESSION, Cases, Stage};

/// Whether WebSockets keep to their protocol through nginx, on every server
#[derive(Debug, Parser)]
#[command(name = "cargo xtask autobahn", bin_name = "cargo xtask autobahn")]
struct Arguments {
    /// The assembled cartridge
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    cartridge: Utf8PathBuf,
    /// Only this server, or this way to run it (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = autobahn::ways().map(|w| w.name).collect::<Vec<_>>())]
    server: Vec<String>,
    /// Only these cases, such as 5.6 or '9.*' (may be repeated)
    #[arg(long, value_name = "CASE")]
    case: Vec<String>,
    /// The cases with compression, too (12 and 13): tens of minutes on each server
    #[arg(long)]
    compression: bool,
    /// How many cases are played at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    parallel: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let without: &[&str] =
        if arguments.compression || !arguments.case.is_empty() { &[] } else { COMPRESSION };
    let cases = Cases {
        only: arguments.case.clone(),
        without: without.iter().map(|&pattern| pattern.to_owned()).collect(),
        parallel: arguments.parallel,
    };
    let wanted =
        |name: &str| arguments.server.is_empty() || arguments.server.iter().any(|s| s == name);
    println!("{:<21} {:>6} {:>7} {:>8}", "server", "cases", "failed", "seconds");
    let mut failed = 0;
    for way in autobahn::ways().filter(|way| wanted(way.name)) {
        let stage = Stage::new(&arguments.cartridge, way);
        let begin = Instant::now();
        let verdict = stage.play(&cases);
        let took = begin.elapsed().as_secs();
        println!("{:<21} {:>6} {:>7} {took:>8}", way.name, verdict.played, verdict.failed.len());
        verdict.failed.iter().for_each(|line| println!("    {line}"));
        failed += verdict.failed.len();
    }
    println!("{failed} cases failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
