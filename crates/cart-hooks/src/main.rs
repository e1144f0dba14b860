//! The Advanced Python cartridge's one program. The name it is called by picks the hook; as
//! `advanced-python supervise RUN LOGS` it is the supervisor, which hooks start by themselves.

use std::process::ExitCode;

use cart_core::{GearEnv, entry, inherited};
use cart_hooks::AdvancedPython;

fn main() -> ExitCode {
    // First of all, before anything is opened: no daemon of ours may keep the node's pipes.
    let inherited = inherited::adopt();
    let words: Vec<String> = std::env::args().collect();
    if let [_, "supervise", run, logs] =
        words.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        return match cart_supervisor::supervise((*run).into(), (*logs).into()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        };
    }
    if let Err(error) = inherited {
        return fail(&format!("cannot read /proc/self/fd: {error}. Is /proc mounted?"));
    }
    let env = GearEnv::from_process();
    let (out, err) = (&mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(entry::run(&AdvancedPython, &words, &env, out, err))
}

#[expect(clippy::print_stderr, reason = "`main` has nobody else to tell")]
fn fail(message: &str) -> ExitCode {
    eprintln!("CLIENT_ERROR: {message}");
    ExitCode::from(entry::FAILED)
}
