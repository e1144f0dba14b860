//! `cargo xtask`: what is done to this workspace beside building it.
//!
//! `dist` assembles and packs the cartridge, `image` makes an image that builds apps with it, `serve` serves an app with it, `lost` counts what clients
//! lose while something changes, `desync` looks whether one visitor reaches another, `autobahn` whether
//! WebSockets keep to their protocol, `conformance` whether every server behaves as the others do, `bench`
//! how fast it is beside others, `erb` makes what templates give in a real Ruby, `test` runs everything that must hold. All but `dist` first install what
//! the machine lacks, and all but `dist` and `bench` assemble the cartridge from a development build: on
//! two cores that is a fraction of a release build's time, and it is the build that `cargo test` needs
//! anyway.

mod archive;
mod args;
mod assemble;
mod copy;
mod dist;
mod machine;
mod made;
mod say;
mod workspace;

use std::process::ExitCode;

use camino::Utf8Path;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv};
use clap::Parser;

use args::{Arguments, Bring, Task};
use assemble::{AssembleError, Brought};
use dist::DistError;
use machine::containers::{self, NoContainers};
use machine::install::{self, PrepareError};
use machine::needs::Need;
use made::build::BuildError;
use made::fixtures::{self, FixturesError};
use made::uv::{OwnUv, UvError};
use say::say;
use workspace::{Workspace, WorkspaceError};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way, too.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match perform(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), TaskError> {
    let workspace = Workspace::here(GearEnv::from_process())?;
    match task {
        Task::Dist(arguments) if arguments.debug => {
            Ok(dist::development(&workspace, arguments.brought()).map(drop)?)
        }
        Task::Dist(arguments) => Ok(dist::release(&workspace, &arguments)?),
        Task::Image(arguments) => Ok(dist::image(&workspace, &arguments)?),
        Task::Serve { args } => serve(&workspace, &args),
        Task::Lost { args } => lost(&workspace, &args),
        Task::Desync { args } => ask_every_server(&workspace, "desync", &args),
        Task::Autobahn { args } => ask_every_server(&workspace, "autobahn", &args),
        Task::Conformance { args } => ask_every_server(&workspace, "conformance", &args),
        Task::Bench { args } => bench(&workspace, &args),
        Task::Erb { check } => erb(&workspace, check),
        Task::Test { args } => test(&workspace, &args),
    }
}

/// Becomes `gear serve`: signals reach it, and its exit code is ours.
fn serve(workspace: &Workspace, args: &[String]) -> Result<(), TaskError> {
    install::prepare(workspace, Need::TO_SERVE)?;
    let programs = made::build::development(workspace)?;
    let brought = Brought { uv: own_uv(workspace), nginx: None };
    let cartridge = assemble::cartridge(workspace, &programs.cartridge, &brought)?;
    let app = workspace.shown(&workspace.root.join("examples/apps/welcome"));
    let gear = CommandSpec::new(programs.gear, &workspace.env)
        .arg("serve")
        .args(args::for_gear(args, cartridge.as_str(), app.as_str()))
        .dir(&workspace.current);
    Err(run::replace_self(&gear).into())
}

/// A uv for the cartridge. Without one, or a way to it, pip does the work.
fn own_uv(workspace: &Workspace) -> Option<OwnUv> {
    OwnUv::prepare(workspace).map_err(|error| say(&format!("{error}; pip installs instead"))).ok()
}

/// Becomes the program `lost` of the tests, on the assembled cartridge. It brings its own nginx: what
/// older ones lose at a reload (ARCHITECTURE.md) is not ours to count.
fn lost(workspace: &Workspace, args: &[String]) -> Result<(), TaskError> {
    install::prepare(workspace, Need::TO_SERVE)?;
    if args.iter().any(|word| word == "--pods") {
        containers::prepare(workspace)?;
    }
    become_a_tests_program(
        workspace,
        "lost",
        &dist::development(workspace, Bring { nginx: true, uv: false })?,
        args,
    )
}

/// Becomes the program `desync`, `autobahn` or `conformance` of the tests, on the assembled cartridge.
fn ask_every_server(
    workspace: &Workspace,
    program: &str,
    args: &[String],
) -> Result<(), TaskError> {
    install::prepare(workspace, Need::TO_SERVE)?;
    become_a_tests_program(
        workspace,
        program,
        &dist::development(workspace, Bring::default())?,
        args,
    )
}

/// Becomes the program `bench` of the tests, on the cartridge as nodes get it. It brings its own nginx,
/// which is the same on every machine.
fn bench(workspace: &Workspace, args: &[String]) -> Result<(), TaskError> {
    install::prepare(workspace, Need::TO_BENCH)?;
    let bring = Bring { nginx: true, uv: true };
    become_a_tests_program(workspace, "bench", &dist::for_nodes(workspace, bring)?, args)
}

/// Makes what cart-erb's tests expect, or looks whether it is so.
fn erb(workspace: &Workspace, check: bool) -> Result<(), TaskError> {
    install::prepare(workspace, &[Need::Erb])?;
    Ok(fixtures::made_anew(workspace, check)?)
}

fn become_a_tests_program(
    workspace: &Workspace,
    program: &str,
    cartridge: &Utf8Path,
    args: &[String],
) -> Result<(), TaskError> {
    let run = workspace.cargo(&["run", "--quiet", "-p", "tests", "--bin", program, "--"]);
    Err(run::replace_self(&run.args(["--cartridge", cartridge.as_str()]).args(args)).into())
}

/// How many tests run at a time, as Rust's test programs know it.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

fn test(workspace: &Workspace, args: &[String]) -> Result<(), TaskError> {
    install::prepare(workspace, Need::TO_TEST)?;
    install::rust_components(workspace)?;
    let cargo = |words: &[&str]| workspace.cargo(words);
    shown(&cargo(&["fmt", "--all", "--check"]))?;
    shown(&cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let docs = cargo(&["doc", "--workspace", "--no-deps"]);
    shown(&docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    erb(workspace, true)?;
    // As others would take them. Not compiled once more from what is packed: cargo keeps what it has
    // unpacked of a version, and would compile that when a crate has changed.
    let own = ["tests", "xtask", "static-site", "any-program"].map(|name| ["--exclude", name]);
    let package = cargo(&["package", "--workspace", "--allow-dirty", "--no-verify", "--quiet"]);
    shown(&package.args(own.concat()))?;
    // The integration tests run on the assembled cartridge and on the program `gear`; with uv, which other
    // tests look for, too, they take half the time.
    dist::development(workspace, Bring { nginx: false, uv: true })?;
    let not_run = containers::prepare(workspace)
        .err()
        .map(|why| format!("not run: the tests {}* because {why}", containers::TESTS));
    let mut args = args.to_vec();
    if let Some(not_run) = &not_run {
        say(not_run);
        if !args.iter().any(|word| word == "--") {
            args.push("--".to_owned());
        }
        args.extend(["--skip", containers::TESTS].map(str::to_owned));
    }
    let mut tests = cargo(&["test", "--workspace"]).args(args);
    if tests.env.get(TEST_THREADS).is_none() {
        // Most of them wait for something most of the time.
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        tests = tests.env(TEST_THREADS, (cpus + 1).to_string());
    }
    shown(&tests)?;
    shown(&cargo(&["test", "-p", "cart-erb", "--test", "real_erb"]))?;
    match not_run {
        None => say("everything holds"),
        Some(not_run) => say(&format!("all that was run holds. {not_run}")),
    }
    Ok(())
}

/// Runs a command in the foreground, after saying which.
fn shown(command: &CommandSpec) -> Result<(), RunError> {
    let name = command.program.file_name().unwrap_or_default();
    say(&format!("{name} {}", command.args.join(" ")));
    run::foreground(command)
}

/// A task that was not done.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    NoContainers(#[from] NoContainers),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error(transparent)]
    Dist(#[from] DistError),
    #[error(transparent)]
    Fixtures(#[from] FixturesError),
    #[error(transparent)]
    Uv(#[from] UvError),
    #[error(transparent)]
    Run(#[from] RunError),
}
