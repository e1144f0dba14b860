//! What each directive of our nginx configuration costs or brings that is not nginx's default: ours as it
//! is rendered, and copies of it with one change each, before the same app and the same files.

mod change;

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::tree;
use cart_core::{CommandSpec, GearEnv, files};

use super::app::bring_app;
use crate::bench::candidate::{Candidate, OURS};
use crate::bench::load::{Asked, CONNECTIONS};
use crate::bench::parts::{Outcome, Told};
use crate::bench::peer::server::SERVERS;
use crate::bench::peer::{Peer, free_address};
use crate::bench::rounds;
use crate::bench::with::With;
use crate::bench::{Bench, Budget, Interrupted};
use crate::cartridge::SERVER;
use crate::processes;
use Edit::{After, Drop, DropBlock, DropEnding, Set};
use Load::{App, Large, Small};
use change::{Change, Edit, Load, Rendered};

/// Ours once more: what lies between the two is noise.
const AGAIN: &str = "ours, again";
/// The server behind nginx.
const BEHIND: &str = "gunicorn";
/// The changes, each with the loads for which it may matter.
const CHANGES: &[Change] = &[
    change("keepalive 16", &[App], Set("keepalive", "keepalive 16;")),
    change("no keepalive", &[App], Drop(&["keepalive"])),
    change("no headers dropped", &[App], DropEnding("proxy_set_header", "\"\";")),
    change("proxy_buffers default", &[App], Drop(&["proxy_buffers", "proxy_buffer_size"])),
    change("access_log off", &[App, Small], Set("access_log", "access_log off;")),
    change(
        "access_log unbuffered",
        &[App, Small],
        Set("access_log", "access_log logs/nginx-access.log main;"),
    ),
    change("gzip off", &[App, Small], Set("gzip", "gzip off;")),
    change("no open_file_cache", &[App, Small, Large], Drop(&["open_file_cache"])),
    change("disable_symlinks off", &[App, Small, Large], Drop(&["disable_symlinks"])),
    change("no dot-file location", &[App, Small], DropBlock("location ~ \"/\\.")),
    change("nothing compressed or copied", &[Small], DropBlock("location ~* ")),
    change("sendfile for small text, too", &[Small, Large], Set("sendfile", "sendfile on;")),
    change("tcp_nopush on", &[Small, Large], After("sendfile", "tcp_nopush on;")),
    change(
        "keepalive_requests 100",
        &[Small],
        Set("keepalive_requests", "keepalive_requests 100;"),
    ),
    change("multi_accept on", &[App, Small], After("worker_connections", "multi_accept on;")),
    change("accept_mutex on", &[App, Small], Set("accept_mutex", "accept_mutex on;")),
    change("no pcre_jit", &[App, Small], Drop(&["pcre_jit"])),
    change(
        "2 worker_processes",
        &[App, Small, Large],
        Set("worker_processes", "worker_processes 2;"),
    ),
];

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    write(app);
    let server = SERVERS.iter().find(|server| server.name == BEHIND).expect("it is in the list");
    server.way().bring_to(app);
    let workers = server.workers.to_string();
    let variables = [(SERVER, server.way().server), ("OPENSHIFT_PYTHON_WORKERS", &workers)];
    let gear = Candidate::ours(OURS, &bench.cartridge, app, &variables);
    let with = gear.with();
    let rendered = Rendered::read(&gear.gear().cartridge().join("conf"), gear.address);
    let lacking: Vec<String> =
        CHANGES.iter().filter_map(|change| rendered.with(change.edit).err()).collect();
    assert!(lacking.is_empty(), "changes that our configuration has no place for: {lacking:?}");
    let loads = [
        (App, "app", Asked::Path("/"), 13),
        (Small, "1 KB", Asked::Path("/1k.js"), 1024),
        (Large, "100 KB", Asked::Path("/100k.js"), 102_400),
    ];
    let mut budget = Budget::new(loads.len());
    for (load, name, asked, length) in loads {
        bench.go_on()?;
        let unchanged = start(OURS, &gear, &with, &rendered, None);
        let changes = CHANGES.iter().filter(|change| change.loads.contains(&load));
        let changed = changes.map(|c| start(c.name, &gear, &with, &rendered, Some(c.edit)));
        let again = start(AGAIN, &gear, &with, &rendered, None);
        let candidates: Vec<Candidate> =
            [unchanged].into_iter().chain(changed).chain([again]).collect();
        candidates.iter().for_each(|candidate| candidate.answers(&asked, length));
        let about = format!(
            "GET {}, {CONNECTIONS} connections, {BEHIND} with {workers} workers, one change each; {}",
            asked.first(),
            with.versions()
        );
        let contest = rounds::play(bench, name, &about, &candidates, &asked, budget.next_ends())?;
        told(Outcome::Contest(contest));
    }
    Ok(())
}

const fn change(name: &'static str, loads: &'static [Load], edit: Edit) -> Change {
    Change { name, loads, edit }
}

/// Writes the app of the bench with two files.
fn write(app: &Utf8Path) {
    bring_app(app);
    std::fs::create_dir(app.join("public")).unwrap();
    for (name, length) in [("1k.js", 1024), ("100k.js", 102_400)] {
        let text: Vec<u8> = b"// text\n".iter().copied().cycle().take(length).collect();
        files::write_unsynced(&app.join("public").join(name), &text, 0o644).unwrap();
    }
}

/// An nginx with our configuration, changed or not, before the app of our gear.
fn start(
    name: &'static str,
    gear: &Candidate,
    with: &With,
    rendered: &Rendered,
    edit: Option<Edit>,
) -> Candidate {
    let address = free_address();
    let changed = match edit {
        Some(edit) => rendered.with(edit).unwrap_or_else(|lacking| panic!("{name}: {lacking}")),
        None => rendered.clone(),
    };
    let start = |place: &Utf8Path| vec![nginx(&with.nginx, &changed, address, place)];
    // The app serves all of them, one after the other.
    let app = processes::server(gear.gear());
    Candidate::others(name, address, start).served_by(tree::with_descendants(app))
}

/// Starts nginx as the supervisor does, but for the socket, which it opens itself.
fn nginx(
    program: &Utf8PathBuf,
    rendered: &Rendered,
    address: SocketAddr,
    place: &Utf8Path,
) -> Peer {
    for directory in ["conf", "logs", "run/nginx"] {
        std::fs::create_dir_all(place.join(directory)).unwrap();
    }
    let main = rendered.write(&place.join("conf"), address);
    let words = ["-p", place.as_str(), "-c", main.as_str(), "-g", "daemon off;"];
    Peer::start(CommandSpec::new(program, &GearEnv::new()).args(words), place)
}
