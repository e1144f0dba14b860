//! `cargo xtask bench`: plays ours and its peers side by side and prints how they compare.

#![expect(clippy::print_stdout, reason = "this program is there to print")]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use tests::bench::{self, Bench, Interrupted, Outcome, PARTS, Part, Wrk};

/// How fast ours is beside its peers
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// The assembled cartridge
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    cartridge: Utf8PathBuf,
    /// Only these parts
    #[arg(value_name = "PART", value_parser = bench::names())]
    parts: Vec<String>,
    /// Only this server, in the parts that have several (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = bench::servers())]
    server: Vec<String>,
    /// How many rounds count; a disturbed one is repeated, at most as many times as this
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each candidate is asked in a round
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How many gears the part `density` makes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    gears: u16,
    /// Only ours and the tuned nginx, two rounds of two seconds: fails where ours is below 0.9. Of the
    /// parts `app` and `static`
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    check: bool,
    /// List the parts, and play none
    #[arg(long)]
    list: bool,
    /// Write every round's figures as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<Utf8PathBuf>,
    /// Draw the ratios, too
    #[arg(long, value_name = "FILE")]
    svg: Option<Utf8PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        PARTS.iter().for_each(|part| println!("{:<10}  {}", part.name, part.about));
        return ExitCode::SUCCESS;
    }
    match perform(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the parts; answers whether ours is fast enough, where that is asked.
fn perform(arguments: &Arguments) -> Result<bool, BenchError> {
    let end = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&end)).map_err(BenchError::Signals)?;
    }
    let target = arguments.cartridge.ancestors().nth(2).unwrap_or(&arguments.cartridge);
    let place = target.join("bench");
    files::create_dir(&place, 0o755)?;
    let (rounds, seconds) =
        if arguments.check { (2, 2) } else { (arguments.rounds, arguments.seconds) };
    let bench = Bench {
        cartridge: arguments.cartridge.clone(),
        wrk: Wrk::new(&place),
        place,
        rounds: usize::try_from(rounds).unwrap_or(usize::MAX),
        length: Duration::from_secs(seconds.into()),
        servers: arguments.server.clone(),
        gears: arguments.gears.into(),
        short: arguments.check,
        end,
    };
    println!("{}; {rounds} rounds of {seconds} s\n", bench::machine());
    let wanted = |part: &&Part| {
        let is_named = arguments.parts.iter().any(|name| name == part.name);
        (is_named || arguments.parts.is_empty()) && (part.checks || !arguments.check)
    };
    if !PARTS.iter().any(|part| wanted(&part)) {
        return Err(BenchError::NothingToCheck);
    }
    let mut played = Vec::new();
    for part in PARTS.iter().filter(wanted) {
        println!("{}: {}\n", part.name, part.about);
        let mut outcomes = Vec::new();
        (part.play)(&bench, &mut |outcome| {
            println!("{}", bench::text(&outcome));
            let _ = io::stdout().flush();
            outcomes.push(outcome);
        })?;
        played.push((part.name, outcomes));
    }
    if let Some(file) = &arguments.json {
        write(file, &format!("{:#}\n", bench::json(&played)))?;
    }
    if let Some(file) = &arguments.svg {
        write(file, &bench::svg(&played))?;
    }
    Ok(!arguments.check || judge(&played))
}

/// Prints where ours is behind; answers whether it is nowhere.
fn judge(played: &[(&str, Vec<Outcome>)]) -> bool {
    let all = played.iter().flat_map(|(part, outcomes)| outcomes.iter().map(move |o| (part, o)));
    let behind: Vec<String> = all
        .filter_map(|(part, outcome)| match outcome {
            Outcome::Contest(contest) if bench::is_behind(contest) => {
                Some(format!("{part} {}", contest.name))
            }
            Outcome::Contest(_) | Outcome::Figures(_) => None,
        })
        .collect();
    if behind.is_empty() {
        println!("ours is nowhere below {} of the tuned nginx", bench::ENOUGH);
    } else {
        println!(
            "below {} of the tuned nginx, or with errors: {}",
            bench::ENOUGH,
            behind.join(", ")
        );
    }
    behind.is_empty()
}

fn write(file: &Utf8Path, text: &str) -> Result<(), FileError> {
    files::write_atomic(file, text.as_bytes(), 0o644)
}

/// A bench that was not played to its end.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("--check says nothing of these parts: it judges app and static")]
    NothingToCheck,
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    #[error("could not ask for signals: {0}")]
    Signals(#[source] io::Error),
}
