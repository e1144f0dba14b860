//! The table that people read.

use cart_test::{Rate, SocketReport};

use super::{PATIENCE, Row};

/// Its first line.
#[must_use]
pub fn headings() -> String {
    columns([
        "scenario",
        "server",
        "load",
        "took ms",
        "sent",
        "lost",
        "new conn.",
        "wait ms",
        "gap ms",
        "WebSocket",
        "",
    ])
}

/// The line of one row.
#[must_use]
pub fn line(row: &Row) -> String {
    let tally = &row.tally;
    let load = match row.rate {
        Rate::PerSecond(count) => format!("{count}/s"),
        Rate::Full => "full".to_owned(),
    };
    let socket = match &row.socket {
        None => "none".to_owned(),
        Some(SocketReport { cut: None, .. }) => "open".to_owned(),
        Some(SocketReport { cut: Some((when, _)), .. }) => format!("cut {} ms", when.as_millis()),
    };
    columns([
        row.scenario.name,
        row.server,
        &load,
        &row.took.as_millis().to_string(),
        &tally.sent.to_string(),
        &tally.lost().to_string(),
        &tally.reconnected.to_string(),
        &tally.longest_wait.as_millis().to_string(),
        &tally.longest_gap.as_millis().to_string(),
        &socket,
        if row.kept(PATIENCE) { "" } else { "BROKEN" },
    ])
}

/// What the line cannot hold: how requests were lost, what went wrong otherwise.
#[must_use]
pub fn details(row: &Row) -> Vec<String> {
    let socket = row.socket.as_ref().and_then(|socket| socket.cut.as_ref());
    let socket = socket.map(|(_, how)| format!("the WebSocket: {how}"));
    let losses = Some(row.tally.losses()).filter(|text| !text.is_empty());
    losses.into_iter().chain(socket).chain(row.failure.clone()).collect()
}

fn columns(cells: [&str; 11]) -> String {
    let [scenario, server, load, took, sent, lost, new, wait, gap, socket, kept] = cells;
    format!(
        "{scenario:<19} {server:<9} {load:<6} {took:>7} {sent:>7} {lost:>5} {new:>9} {wait:>7} {gap:>6}  {socket:<12} {kept}"
    )
    .trim_end()
    .to_owned()
}
