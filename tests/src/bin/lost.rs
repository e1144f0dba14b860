//! `cargo xtask lost`: plays every scenario on every server at both loads and prints the table.

#![expect(clippy::print_stdout, reason = "this program is there to print")]

use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_test::Rate;
use clap::Parser;
use tests::lost::{self, SCENARIOS, Scenario, Stage};
use tests::pods::{self, Pods};
use tests::way;

/// What clients lose while something is changed or killed, counted
#[derive(Debug, Parser)]
#[command(name = "cargo xtask lost", bin_name = "cargo xtask lost")]
struct Arguments {
    /// The assembled cartridge
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    cartridge: Utf8PathBuf,
    /// How long the load goes on after each change; a replaced server is told to end after five
    #[arg(long, default_value_t = lost::AFTERWARDS.as_secs())]
    seconds: u64,
    /// Only this server (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = servers().collect::<Vec<_>>())]
    server: Vec<String>,
    /// Only this scenario (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = scenario)]
    scenario: Vec<&'static Scenario>,
    /// Only this load, in requests per second or `full` (may be repeated)
    #[arg(long, value_name = "LOAD", value_parser = rate, default_values = ["200", "full"])]
    load: Vec<Rate>,
    /// Instead of that: three pods by podman behind an nginx, replaced, killed and evicted
    #[arg(long)]
    pods: bool,
    /// Requests to be answered during each change of pods at least
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    requests: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.pods {
        return play_pods(&arguments);
    }
    let mut broken = 0;
    println!("{}", lost::headings());
    let wanted =
        |name: &str| arguments.server.is_empty() || arguments.server.iter().any(|s| s == name);
    for server in servers().filter(|server| wanted(server)) {
        let stage = Stage::new(&arguments.cartridge, server);
        for rate in &arguments.load {
            for scenario in scenarios(&arguments, server) {
                let row = stage.play(scenario, *rate, Duration::from_secs(arguments.seconds));
                println!("{}", lost::line(&row));
                for detail in lost::details(&row) {
                    println!("    {}", detail.replace('\n', "\n    "));
                }
                broken += u32::from(!row.kept(lost::PATIENCE));
                stage.restore();
            }
        }
    }
    println!("{broken} promises broken");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All changes of pods, under full load.
fn play_pods(arguments: &Arguments) -> ExitCode {
    let mut pods = Pods::start();
    let mut is_kept = true;
    for change in pods::CHANGES {
        let outcome = pods.play(change, Rate::Full, arguments.requests);
        println!("{}", outcome.line());
        is_kept &= outcome.kept();
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The servers between which people choose.
fn servers() -> impl Iterator<Item = &'static str> {
    way::defaults().map(|way| way.server)
}

fn scenarios(
    arguments: &Arguments,
    server: &'static str,
) -> impl Iterator<Item = &'static Scenario> {
    let chosen: Vec<&'static Scenario> = if arguments.scenario.is_empty() {
        SCENARIOS.iter().collect()
    } else {
        arguments.scenario.clone()
    };
    chosen.into_iter().filter(move |scenario| scenario.is_for(server))
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    let names = || SCENARIOS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    lost::by_name(name).ok_or_else(|| format!("the scenarios are {}", names()))
}

fn rate(text: &str) -> Result<Rate, String> {
    match text {
        "full" => Ok(Rate::Full),
        number => number
            .parse()
            .ok()
            .filter(|count| (1..=1000).contains(count))
            .map(Rate::PerSecond)
            .ok_or_else(|| "a number from 1 to 1000, or full".to_owned()),
    }
}
