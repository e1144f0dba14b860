//! Which server runs the app, and why.

use cart_python::interface::Interface;
use cart_python::server::choice::{Chosen, DecidedBy, FromProcfile};
use cart_python::settings::SERVER;

/// At each start, in one line.
pub(crate) fn server_chosen(chosen: &Chosen) -> String {
    let server = chosen.server.name();
    let procfile = chosen.procfile.as_ref();
    let why = match (chosen.decided_by, procfile) {
        (DecidedBy::Variable, _) => format!("{} says so", SERVER.name),
        (DecidedBy::Procfile, Some(procfile)) => {
            format!("line {} of the Procfile runs {}", procfile.line, procfile.program)
        }
        (_, Some(procfile)) => format!(
            "{} of the Procfile, line {}, is not among the servers here ({})",
            procfile.program, procfile.line, SERVER.allowed
        ),
        (DecidedBy::Interface | DecidedBy::Procfile, None) => match chosen.interface {
            Some(interface) => format!("the app is {interface}, and nothing names another server"),
            None => NOBODY.to_owned(),
        },
        (DecidedBy::Nothing, None) => NOBODY.to_owned(),
    };
    let options = procfile.map(options).unwrap_or_default();
    format!("Served by {server}, because {why}{options}")
}

/// When an app turned out to be of another interface than its code told.
pub(crate) fn learnt(interface: Interface) -> String {
    format!("The app turned out to be {interface} when it was imported: trying a server for that")
}

const NOBODY: &str = "nothing names a server";

fn options(procfile: &FromProcfile) -> String {
    let list = |options: &[String], what: &str| match options {
        [] => String::new(),
        options => format!("; {what}: {}", options.join(", ")),
    };
    list(&procfile.taken, "taken over") + &list(&procfile.unused, "not used here")
}
