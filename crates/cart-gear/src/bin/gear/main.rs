//! `gear`: the node's side of OpenShift v2 on one machine.

mod args;
mod caller;
mod checked;
mod terminal;

use std::process::ExitCode;

use cart_core::GearEnv;
use cart_gear::{BringUpError, HookError, Interrupts, ServeError, ServeOptions, processes, serve};
use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use args::{Arguments, Command, ServeArguments};
use terminal::Terminal;

/// Something failed; the message says what.
const FAILED: u8 = 1;
/// The arguments are wrong.
const USAGE: u8 = 2;
/// Interrupted before the app had answered, as a shell says it of Ctrl-C.
const INTERRUPTED: u8 = 130;

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
    match arguments.command {
        Command::Serve(arguments) => run_serve(&arguments, &env),
        Command::Validate(arguments) => ExitCode::from(checked::run(&arguments)),
    }
}

fn run_serve(arguments: &ServeArguments, env: &GearEnv) -> ExitCode {
    let mut terminal = Terminal::new(arguments.app_dir.as_str());
    let interrupts = Interrupts::default();
    if let Err(error) = listen_to_signals(&interrupts) {
        terminal.failed(&format!("signals cannot be handled: {error}"));
        return ExitCode::from(FAILED);
    }
    if let Err(error) = processes::adopt_orphans() {
        terminal.warn(&format!(
            "daemons cannot be adopted ({error}); one that hides well may be left behind"
        ));
    }
    let options = match caller::options(arguments, env, interrupts) {
        Ok(options) => options,
        Err(message) => {
            terminal.failed(&message);
            return ExitCode::from(USAGE);
        }
    };
    ExitCode::from(outcome(options, &mut terminal))
}

fn outcome(options: ServeOptions, terminal: &mut Terminal) -> u8 {
    match serve(options, terminal) {
        Ok(()) => 0,
        Err(ServeError::BringUp(BringUpError::Interrupted)) => {
            terminal.failed("interrupted before the app had answered; everything was removed");
            INTERRUPTED
        }
        Err(error) => {
            // What the script said of it has been shown as it came.
            let message = match &error {
                ServeError::BringUp(error) => error.hook().map(HookError::summary),
                _ => None,
            };
            let message = message.unwrap_or_else(|| error.to_string());
            terminal.failed(&message);
            FAILED
        }
    }
}

/// Each Ctrl-C, SIGTERM or loss of the terminal asks for one end (see [`Interrupts`]).
fn listen_to_signals(interrupts: &Interrupts) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let interrupts = interrupts.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| interrupts.raise()))?;
    Ok(())
}
