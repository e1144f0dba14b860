//! WebSockets: messages that come back at once on a few, and many on which nobody says anything.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::tree;

use super::app;
use crate::bench::candidate::{Candidate, OURS};
use crate::bench::figures::{Figures, Line};
use crate::bench::load::websocket::{self, LENGTH, Sockets};
use crate::bench::load::{Asked, CONNECTIONS};
use crate::bench::machine::Usage;
use crate::bench::parts::{Outcome, Told};
use crate::bench::peer::server::{SERVERS, Server};
use crate::bench::rounds;
use crate::bench::{Bench, Budget, Interrupted};
use crate::cartridge::{SERVER, example};
use cart_python::interface::Interface;

/// One of each kind: a WSGI app in greenlets, an ASGI app.
const OF: [&str; 2] = ["gunicorn", "uvicorn"];
/// Where the echo is.
const ASKED: Asked = Asked::Echo("/echo");
/// How many say nothing.
const SILENT: usize = 5000;
/// Each is two connections of nginx, and by default that has 8,192.
const ROOM: (&str, &str) = ("OPENSHIFT_NGINX_WORKER_CONNECTIONS", "12288");
/// How long nobody says anything, at least.
const SILENCE: Duration = Duration::from_secs(5);

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let is_played = |server: &&Server| OF.contains(&server.name) && bench.wants_server(server.name);
    let servers: Vec<&Server> = SERVERS.iter().filter(is_played).collect();
    let mut budget = Budget::new(servers.len());
    let mut silent = Vec::new();
    for server in &servers {
        bench.go_on()?;
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        bring_echo(server, place);
        let (candidates, with) = app::candidates(bench, server, place);
        candidates.iter().for_each(|candidate| candidate.answers(&ASKED, LENGTH));
        let about = format!(
            "an echo of {LENGTH} bytes, {CONNECTIONS} WebSockets, workers: {}; {}",
            server.workers,
            with.versions()
        );
        let until = budget.next_ends();
        let contest = rounds::play(bench, server.name, &about, &candidates, &ASKED, until)?;
        told(Outcome::Contest(contest));
        drop(candidates);
        let way = server.way();
        let variables = [&[(SERVER, way.server), ROOM], way.variables].concat();
        let ours = Candidate::ours(OURS, &bench.cartridge, place, &variables);
        ours.answers(&ASKED, LENGTH);
        silent.push(silence(bench, &ours)?);
    }
    if !servers.is_empty() {
        told(Outcome::Figures(figures(bench, &servers, &silent)));
    }
    Ok(())
}

/// The echo for a server's kind of apps.
fn bring_echo(server: &Server, place: &Utf8Path) {
    app::bring_app(place);
    if server.way().interface() == Interface::Wsgi {
        tree::copy(&example("websocket-echo"), place, |_| false).unwrap();
    }
}

/// What became of many WebSockets on which nobody says anything.
#[derive(Debug)]
struct Silence {
    opened: usize,
    answered: usize,
    /// Bytes, before and with them.
    memory: [u64; 2],
    /// Processor time, as a part of one processor.
    nginx: f64,
    rest: f64,
    /// What others had of the machine.
    others: f64,
}

fn silence(bench: &Bench, candidate: &Candidate) -> Result<Silence, Interrupted> {
    let count = SILENT.min(websocket::room());
    let before = candidate.memory();
    let Asked::Echo(path) = ASKED else { unreachable!("it is an echo") };
    let (mut sockets, _) = Sockets::open(candidate.address, path, count, &bench.end);
    bench.go_on()?;
    // What opening them left to do is done then.
    sockets.idle(Duration::from_secs(1), &bench.end);
    let processes = candidate.processes();
    let (used, usage) = (candidate.used(), Usage::now(&processes));
    let length = SILENCE.max(bench.length);
    sockets.idle(length, &bench.end);
    let (now, others) = (candidate.used(), Usage::now(&processes).others_since(&usage));
    let memory = [before, candidate.memory()];
    let opened = sockets.count();
    let answered = sockets.answering(&bench.end);
    bench.go_on()?;
    let part = |before: Duration, now: Duration| {
        now.saturating_sub(before).as_secs_f64() / length.as_secs_f64() * 100.0
    };
    let (nginx, rest) = (part(used.nginx, now.nginx), part(used.rest, now.rest));
    Ok(Silence { opened, answered, memory, nginx, rest, others })
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes of a gear are far below 2^52")]
fn figures(bench: &Bench, servers: &[&Server], silent: &[Silence]) -> Figures {
    let row = |name, unit, figure: &dyn Fn(&Silence) -> f64| Line {
        name,
        unit,
        cells: silent.iter().map(|one| vec![figure(one)]).collect(),
    };
    let mb = |bytes: u64| bytes as f64 / 1_000_000.0;
    Figures {
        name: "silent".to_owned(),
        about: format!(
            "{SILENT} WebSockets on one gear of ours with nothing set but the server and room for them, on which nobody says anything for {} s, and then \
             something on each",
            SILENCE.max(bench.length).as_secs()
        ),
        columns: servers.iter().map(|server| server.name.to_owned()).collect(),
        rows: vec![
            row("open", "", &|one| one.opened as f64),
            row("answer in the end", "", &|one| one.answered as f64),
            row("memory without them", "MB", &|one| mb(one.memory[0])),
            row("memory with them", "MB", &|one| mb(one.memory[1])),
            row("memory for each", "kB", &|one| {
                let more = one.memory[1].saturating_sub(one.memory[0]);
                more as f64 / 1000.0 / one.opened.max(1) as f64
            }),
            row("nginx, of a processor", "%", &|one| one.nginx),
            row("the rest, of one", "%", &|one| one.rest),
        ],
        played: silent.len(),
        others: silent.iter().map(|one| one.others).collect(),
    }
}
