//! `gear`: the node's side of OpenShift v2 on one machine.

mod args;
mod shared;

mod app;
mod code;
mod gears;
mod inside;

use std::process::ExitCode;

use cart_core::GearEnv;
use cart_gear::Interrupts;
use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;

use app::{doctor, generate, image, manifest, prepare, serve, validate, variables};
use args::{Arguments, Command};
use code::{configure, deploy, deployments, receive};
use gears::operate::{self, Operation};
use gears::{boot, create, destroy, list, status, top, upgrade};
use inside::{env, extract, restore, run as run_inside, snapshot, tail};
use shared::context::Context;
use shared::failure::{Failure, USAGE};
use shared::terminal::Terminal;

fn main() -> ExitCode {
    // A shell asks, in the words of what `gear generate` writes: answered, that is the end.
    CompleteEnv::with_factory(Arguments::command).var(generate::COMPLETE).complete();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way, too; nobody may be listening.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let env = GearEnv::from_process();
    let mut terminal = Terminal::new();
    let mut context =
        Context { env: &env, interrupts: Interrupts::default(), terminal: &mut terminal };
    match run(&arguments.command, &mut context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                terminal.failed(&failure.message);
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: &Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::serve(arguments, context),
        Command::Prepare(arguments) => prepare::prepare(arguments, context),
        Command::Image(arguments) => image::image(arguments, context),
        Command::Doctor(arguments) => doctor::run(arguments, context),
        Command::Manifest(arguments) => manifest::run(arguments, context),
        Command::Validate(arguments) => validate::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Variables(arguments) => variables::run(arguments),
        Command::Create(arguments) => create::create(arguments, context),
        Command::Destroy(arguments) => destroy::destroy(arguments, context),
        Command::List(arguments) => list::list(arguments, context),
        Command::Status(arguments) => status::status(arguments, context),
        Command::Top(arguments) => top::top(arguments, context),
        Command::Start(on) => operate::run(Operation::Start, on, context),
        Command::Stop(on) => operate::run(Operation::Stop, on, context),
        Command::Restart(on) => operate::run(Operation::Restart, on, context),
        Command::Reload(on) => operate::run(Operation::Reload, on, context),
        Command::Tidy(on) => operate::run(Operation::Tidy, on, context),
        Command::Idle(on) => operate::run(Operation::Idle, on, context),
        Command::Unidle(on) => operate::run(Operation::Unidle, on, context),
        Command::Threaddump(on) => operate::threaddump(on, context),
        Command::Env(command) => env::run(command, context),
        Command::Run(arguments) => run_inside::run(arguments, context),
        Command::Tail(arguments) => tail::tail(arguments, context),
        Command::Snapshot(arguments) => snapshot::snapshot(arguments, context),
        Command::Restore(arguments) => restore::restore(arguments, context),
        Command::Extract(arguments) => extract::extract(arguments, context),
        Command::Upgrade(arguments) => upgrade::run(arguments, context),
        Command::Boot(arguments) => boot::run(arguments, context),
        Command::Deploy(arguments) => deploy::deploy(arguments, context),
        Command::Deployments(arguments) => deployments::deployments(arguments, context),
        Command::Activate(arguments) => deploy::activate(arguments, context),
        Command::Configure(arguments) => configure::configure(arguments, context),
        Command::Prereceive(arguments) => receive::prereceive(&arguments.name, context),
        Command::Postreceive(arguments) => receive::postreceive(&arguments.name, context),
        Command::SettlePush(arguments) => receive::settle_push(&arguments.name, context),
    }
}
