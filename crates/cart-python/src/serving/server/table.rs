//! What the servers are and can, as a table for people. `docs/servers.md` has it, and a test compares.

use super::{SERVERS, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::worker_class::WorkerClass;

/// Servers that people may look for, and why they are not among [`SERVERS`].
pub const NOT_SERVED: &[(&str, &str)] = &[
    (
        "twisted",
        "its server for WSGI answers 500 on a unix socket, removes and changes the socket's path, \
         shuts the socket down for everybody at its end, and cuts what runs: four patches of its \
         inside would be ours to keep",
    ),
    (
        "daphne",
        "it takes no unix socket that it is given, and has no time to finish in: it stops at once, with \
         all that runs. It stands on twisted. Django Channels runs on uvicorn",
    ),
];

/// The table in Markdown, a line each.
#[must_use]
pub fn lines() -> Vec<String> {
    let headings = [
        "server",
        "versions",
        "interfaces",
        "WebSockets",
        "workers",
        "in pieces",
        "at a stop",
        "a WebSocket at a swap",
        "what it cannot do, and why",
    ];
    let mut lines = vec![line(headings), line(["---"; 9])];
    lines.extend(SERVERS.iter().map(|server| line(facts(*server).each_ref().map(String::as_str))));
    let not = |(name, why): &(&str, &str)| line([name, "not served", "", "", "", "", "", "", why]);
    lines.extend(NOT_SERVED.iter().map(not));
    lines
}

fn line(cells: [&str; 9]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn facts(server: &dyn WsgiServer) -> [String; 9] {
    let (websockets, at_swap) = match server.websockets() {
        Ok(how) => (how, server.websocket_at_swap()),
        Err(why_not) => (why_not, ""),
    };
    [
        format!("`{}`", server.name()),
        versions(server),
        interfaces(server),
        websockets.to_owned(),
        workers(server).to_owned(),
        server.streams().to_owned(),
        server.graceful_stop().to_owned(),
        at_swap.to_owned(),
        server.shortcomings().to_owned(),
    ]
}

/// Those for the newest Pythons.
fn versions(server: &dyn WsgiServer) -> String {
    let needed = server.requirements(&WorkerClass::default());
    let newest = |line: &&str| line.split(';').next().unwrap_or_default().trim().to_owned();
    let lines: Vec<_> = needed.iter().filter_map(|r| r.lines.first().map(newest)).collect();
    match (lines.is_empty(), server.program()) {
        (false, _) => lines.join(", "),
        (true, Some(_)) => "the app's own".to_owned(),
        (true, None) => "Python's own".to_owned(),
    }
}

fn interfaces(server: &dyn WsgiServer) -> String {
    let both = [Interface::Wsgi, Interface::Asgi].into_iter();
    let spoken: Vec<_> =
        both.filter(|interface| server.can_call(*interface)).map(|i| i.to_string()).collect();
    if spoken.is_empty() { "any: HTTP".to_owned() } else { spoken.join(", ") }
}

fn workers(server: &dyn WsgiServer) -> &'static str {
    match (server.has_workers(), server.fills_the_gear()) {
        (false, _) => "the program's business",
        (true, true) => "yes; by CPUs and memory",
        (true, false) => "yes; 1",
    }
}
