//! The app's way: the same Python server bare, behind an nginx tuned by hand, behind the original's, and
//! in our cartridge.

use camino::Utf8Path;

use crate::bench::candidate::{APACHE, BARE, Candidate, ORIGINAL, OURS, OURS_BY_DEFAULT, TUNED};
use crate::bench::load::{Asked, CONNECTIONS};
use crate::bench::parts::{Outcome, Told};
use crate::bench::peer::apache::{self, Serves};
use crate::bench::peer::nginx::{self, Behind, Front};
use crate::bench::peer::server::{At, SERVERS, Server};
use crate::bench::peer::{Venv, free_address};
use crate::bench::rounds;
use crate::bench::with::With;
use crate::bench::{Bench, Budget, Interrupted};
use crate::cartridge::{SERVER, fixture};

/// Bytes of the app's answer.
const LENGTH: usize = 13;
/// The server beside which Apache is measured: it serves WSGI apps by several processes, too.
const BESIDE_APACHE: &str = "gunicorn";

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let servers: Vec<&Server> = SERVERS.iter().filter(|s| bench.wants_server(s.name)).collect();
    let mut budget = Budget::new(servers.len());
    for server in servers {
        bench.go_on()?;
        let asked = Asked::Path("/");
        let app = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(app.path()).unwrap();
        bring_app(app);
        let (mut candidates, with) = candidates(bench, server, app);
        if server.name == BESIDE_APACHE && bench.wants(APACHE) {
            let address = free_address();
            candidates.push(Candidate::others(APACHE, address, |place| {
                let app = place.join("app");
                std::fs::create_dir(&app).unwrap();
                bring_app(&app);
                vec![apache::start(address, Serves::App(&app), place)]
            }));
        }
        candidates.iter().for_each(|candidate| candidate.answers(&asked, LENGTH));
        let about = format!(
            "GET / of {LENGTH} bytes, {CONNECTIONS} connections, workers: {}; {}",
            server.workers,
            with.versions()
        );
        let until = budget.next_ends();
        let contest = rounds::play(bench, server.name, &about, &candidates, &asked, until)?;
        told(Outcome::Contest(contest));
    }
    Ok(())
}

/// Copies the app of the bench into a directory.
pub(super) fn bring_app(directory: &Utf8Path) {
    for file in ["app.py", "asgi.py"] {
        std::fs::copy(fixture("bench").join(file), directory.join(file)).unwrap();
    }
}

/// The candidates for a server with an app, to which is added what the server needs; and with what they are
/// run. Ours comes first into being, because the others are run by the same nginx and the same Python.
pub(super) fn candidates(bench: &Bench, server: &Server, app: &Utf8Path) -> (Vec<Candidate>, With) {
    let way = server.way();
    way.bring_to(app);
    let workers = server.workers.to_string();
    let ours = |name, more: &[(&str, &str)]| {
        let variables = [&[(SERVER, way.server)], way.variables, more].concat();
        Candidate::ours(name, &bench.cartridge, app, &variables)
    };
    let of_ours = ours(OURS, &[("OPENSHIFT_PYTHON_WORKERS", &workers)]);
    let with = of_ours.with();
    let venv = Venv::prepare(bench.place.join("venvs").join(server.name), &with, &bench.uv());
    let front = |name, front, more: &'static str| {
        let address = free_address();
        let behind = |place: &Utf8Path| {
            let socket = place.join("app.sock");
            let app = server.start(&venv, app, At::Socket(&socket), more, place);
            let behind = Behind::Server(&socket, server.protocol);
            vec![app, nginx::start(&with.nginx, front, address, behind, place)]
        };
        Candidate::others(name, address, behind)
    };
    let mut candidates = Vec::new();
    if bench.wants(BARE) {
        let address = free_address();
        candidates.push(Candidate::others(BARE, address, |place| {
            vec![server.start(&venv, app, At::Address(address), "", place)]
        }));
    }
    candidates.push(front(TUNED, Front::Tuned, ""));
    if bench.wants(ORIGINAL) {
        candidates.push(front(ORIGINAL, Front::Original, server.originals));
    }
    candidates.push(of_ours);
    let has_one = !way.backend().fills_the_gear() && server.workers == 1;
    if bench.wants(OURS_BY_DEFAULT) && !has_one {
        candidates.push(ours(OURS_BY_DEFAULT, &[]));
    }
    (candidates, with)
}
