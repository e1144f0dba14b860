//! Which server runs the app, and why.

use cart_nginx::FILE_NAME;
use cart_nginx::WebsocketServer;
use cart_python::interface::Interface;
use cart_python::server::choice::{Chosen, DecidedBy, FromProcfile};
use cart_python::settings::{SERVER, STICKY};

use crate::names::{WEBSOCKETSERVER, unlabelled};

/// At each start, in one line.
pub(crate) fn server_chosen(chosen: &Chosen) -> String {
    let server = chosen.server.name();
    let procfile = chosen.procfile.as_ref();
    let why = match (chosen.decided_by, procfile) {
        (DecidedBy::Variable, _) => format!("{} says so", chosen.settings.server_by.name),
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
    format!("{SERVED} by {server}, because {why}{options}")
}

/// The same of the second server, which gets what is below `path`.
pub(crate) fn second_chosen(path: &str, chosen: &Chosen) -> String {
    let served = server_chosen(chosen);
    let rest = served.strip_prefix(SERVED).unwrap_or(&served);
    format!("Below {path} served{rest}")
}

/// After a start with an own nginx configuration that passes nothing to the second server.
pub(crate) fn second_cut_off(second: &WebsocketServer) -> String {
    let at = second.at.to_string();
    format!(
        "{FILE_NAME} passes nothing to the second server, so the first one gets what is below {}, too. Write `proxy_pass http://$appserver;` in it, which is the one or the other, or \
         `http://{WEBSOCKETSERVER}` for that path",
        at.trim_end_matches('/')
    )
}

/// After a start with an own nginx configuration that knows one socket, where each worker has one.
pub(crate) fn workers_cut_off() -> String {
    format!(
        "{FILE_NAME} names run/appserver.sock, which is one worker's, so that the others get nothing: each has \
         a socket, for clients that stay with one. Write `proxy_pass http://$appserver;` in it, or set \
         {}=no",
        STICKY.name
    )
}

/// `status`, of the second server.
pub(crate) fn below(path: &str, label: &str) -> String {
    format!("Below {path}: {}", unlabelled(label).0)
}

/// When an app turned out to be of another interface than its code told.
pub(crate) fn learnt(interface: Interface) -> String {
    format!("The app turned out to be {interface} when it was imported: trying a server for that")
}

const SERVED: &str = "Served";

const NOBODY: &str = "nothing names a server";

fn options(procfile: &FromProcfile) -> String {
    let list = |options: &[String], what: &str| match options {
        [] => String::new(),
        options => format!("; {what}: {}", options.join(", ")),
    };
    list(&procfile.taken, "taken over") + &list(&procfile.unused, "not used here")
}
