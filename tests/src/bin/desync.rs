//! `cargo xtask desync`: makes every attack on every server and prints whom it harmed.

#![expect(clippy::print_stdout, reason = "this program is there to print")]

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;
use tests::desync::{self, Attack, Front, Stage};
use tests::way::{self, WAYS};

/// Whether anything that one visitor does reaches another, on every server
#[derive(Debug, Parser)]
#[command(name = "cargo xtask desync", bin_name = "cargo xtask desync")]
struct Arguments {
    /// The assembled cartridge
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    cartridge: Utf8PathBuf,
    /// Only this server, or this way to run it (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = way::names())]
    server: Vec<String>,
    /// The attacks of the integration test only
    #[arg(long)]
    few: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    println!(
        "{:<21} {:<6} {:>7} {:>9} {:>7}  refused",
        "server", "nginx", "attacks", "strangers", "harmed"
    );
    let wanted =
        |name: &str| arguments.server.is_empty() || arguments.server.iter().any(|s| s == name);
    let (mut harmed, mut refused) = (0, 0);
    for way in WAYS.iter().filter(|way| wanted(way.name)) {
        for (front, nginx) in [(Front::Ours, "ours"), (Front::Theirs, "theirs")] {
            let mut stage = Stage::new(&arguments.cartridge, way, front);
            let attacks: Vec<Attack> =
                if arguments.few { desync::few().collect() } else { desync::all().collect() };
            let mut counts = (0, 0, 0);
            let mut details = Vec::new();
            for attack in &attacks {
                let outcome = stage.play(attack);
                counts.0 += outcome.strangers;
                counts.1 += outcome.harm.len();
                counts.2 += usize::from(outcome.refused.is_some());
                let wrong = outcome.harm.into_iter().chain(outcome.refused);
                details.extend(wrong.map(|text| format!("    {attack}: {text}")));
            }
            println!(
                "{:<21} {nginx:<6} {:>7} {:>9} {:>7}  {}",
                way.name,
                attacks.len(),
                counts.0,
                counts.1,
                counts.2
            );
            details.iter().take(20).for_each(|line| println!("{line}"));
            harmed += counts.1;
            refused += counts.2;
        }
    }
    println!("{harmed} strangers harmed, {refused} right answers refused");
    if harmed + refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
