//! `gear`: the node's side of OpenShift v2 on one machine.

mod args;
mod boot;
mod caller;
mod checked;
mod context;
mod create;
mod deploy;
mod diagnosed;
mod failure;
mod look;
mod operate;
mod receive;
mod snapshots;
mod terminal;
mod top;
mod upgrade;
mod variables;
mod visit;

use std::process::ExitCode;

use cart_core::GearEnv;
use cart_gear::{Interrupts, processes, serve};
use clap::Parser;

use args::{Arguments, Command, ServeArguments};
use context::Context;
use failure::{Failure, USAGE};
use operate::Operation;
use terminal::Terminal;

fn main() -> ExitCode {
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
        Command::Serve(arguments) => run_serve(arguments, context),
        Command::Doctor(arguments) => diagnosed::run(arguments, context),
        Command::Validate(arguments) => checked::run(arguments),
        Command::Create(arguments) => create::create(arguments, context),
        Command::Destroy(arguments) => create::destroy(arguments, context),
        Command::List(arguments) => look::list(arguments, context),
        Command::Status(arguments) => look::status(arguments, context),
        Command::Top(arguments) => top::top(arguments, context),
        Command::Start(on) => operate::run(Operation::Start, on, context),
        Command::Stop(on) => operate::run(Operation::Stop, on, context),
        Command::Restart(on) => operate::run(Operation::Restart, on, context),
        Command::Reload(on) => operate::run(Operation::Reload, on, context),
        Command::Tidy(on) => operate::run(Operation::Tidy, on, context),
        Command::Idle(on) => operate::run(Operation::Idle, on, context),
        Command::Unidle(on) => operate::run(Operation::Unidle, on, context),
        Command::Threaddump(on) => operate::threaddump(on, context),
        Command::Env(command) => variables::run(command, context),
        Command::Run(arguments) => visit::run(arguments, context),
        Command::Tail(arguments) => visit::tail(arguments, context),
        Command::Snapshot(arguments) => snapshots::snapshot(arguments, context),
        Command::Restore(arguments) => snapshots::restore(arguments, context),
        Command::Upgrade(arguments) => upgrade::run(arguments, context),
        Command::Boot(arguments) => boot::run(arguments, context),
        Command::Deploy(arguments) => deploy::deploy(arguments, context),
        Command::Deployments(arguments) => deploy::list(arguments, context),
        Command::Activate(arguments) => deploy::activate(arguments, context),
        Command::Configure(arguments) => deploy::configure(arguments, context),
        Command::Prereceive(arguments) => receive::prereceive(&arguments.name, context),
        Command::Postreceive(arguments) => receive::postreceive(&arguments.name, context),
        Command::SettlePush(arguments) => receive::settle_push(&arguments.name, context),
    }
}

fn run_serve(arguments: &ServeArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_as_service()?;
    if let Err(error) = processes::adopt_orphans() {
        context.terminal.warn(&format!(
            "daemons cannot be adopted ({error}); one that hides well may be left behind"
        ));
    }
    let interrupts = context.interrupts.clone();
    let options =
        caller::serve_options(arguments, context.env, interrupts).map_err(Failure::usage)?;
    context.terminal.serves(arguments.app_dir.as_str());
    Ok(serve(options, context.terminal)?)
}
