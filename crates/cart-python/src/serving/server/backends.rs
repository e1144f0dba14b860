//! The servers themselves, one entry each: what it needs installed, how it is started and what it can do.
//!
//! Of a package the newest is asked for that its Python still gets, up to the next major version, or up
//! to the next minor one where it is not at 1.0; `oldest` is there because of what stands above it.

use cart_core::CommandSpec;
use semver::Version;

use super::{Ability, Launch, Requirement, Start, WsgiServer};
use crate::environment::virtualenv::environment_for;
use crate::variables::interface::Interface;
use crate::variables::names::{DRAIN_TIMEOUT, WORKER_CLASS, WORKERS};

/// The file of an app's own that gunicorn reads, at the repository's top.
pub const GUNICORN_CONFIGURATION: &str = "gunicorn.conf.py";

/// The program of a server that the app brings, from the repository's top.
pub(super) const PROGRAM: &str = ".openshift/action_hooks/server";

/// What a server is where its entry says nothing else: one for WSGI apps, on threads.
const THREADS: WsgiServer = WsgiServer {
    name: "",
    description: "",
    packages: &[],
    packages_for_gevent: &[],
    start: Start::Launcher { threads: true },
    program: None,
    interfaces: &[Interface::Wsgi],
    wsgi_classes: &[],
    asgi_classes: &[],
    has_workers: true,
    fills_the_gear: false,
    websockets: Ok("yes, a thread each"),
    websocket_at_swap: "by simple-websocket, as those of ASGI apps; others are cut when the drain time is over",
    limits: &[],
    streams: "answers, bodies",
    graceful_stop: "empties the backlog, finishes requests",
    shortcomings: "",
};

/// The same of one for ASGI apps: an event loop in each process.
const LOOP: WsgiServer = WsgiServer {
    start: Start::Launcher { threads: false },
    interfaces: &[Interface::Asgi],
    websockets: Ok("yes, thousands"),
    websocket_at_swap: "goes on, and gets 1012 in the last seconds of the drain time",
    graceful_stop: "finishes requests",
    ..THREADS
};

const fn package(
    name: &'static str,
    lines: &'static [&'static str],
    oldest: Version,
) -> Requirement {
    Requirement { name, lines, oldest, optional: false }
}

/// Python's own: nothing to install, enough for an app with few visitors.
pub(super) const WSGIREF: WsgiServer = WsgiServer {
    name: "wsgiref",
    description: "Python's own server, on threads; nothing to install",
    shortcomings: "connections are not kept open: each request has one of its own. A body of unknown \
                   length is empty, which needs `proxy_request_buffering off`. One worker on Python 2",
    ..THREADS
};

/// Older ones where only those are delivered compiled (for Python 3.9, for systems with an old C library).
const GEVENT_PACKAGE: Requirement = package(
    "gevent",
    &[
        "gevent>=25.9.1,<27; python_version >= '3.9'",
        "gevent>=24.2.1,<25; python_version == '3.8'",
        "gevent>=22.10.2,<23; python_version < '3.8'",
    ],
    // `gevent.signal_handler`
    Version::new(1, 5, 0),
);

/// gevent's own server: one process, a greenlet for each connection.
pub(super) const GEVENT: WsgiServer = WsgiServer {
    name: "gevent",
    description: "thousands of open connections in one process; for WebSockets and slow back ends",
    packages: &[GEVENT_PACKAGE],
    start: Start::Launcher { threads: false },
    websockets: Ok("yes, thousands"),
    shortcomings: "`multiprocessing` hangs in it, because gevent replaces Python's threads",
    ..THREADS
};

/// A master that keeps worker processes. Whoever chooses it wants one and more for each CPU.
pub(super) const GUNICORN: WsgiServer = WsgiServer {
    name: "gunicorn",
    description: "worker processes on all CPUs, by default with greenlets; for busy apps",
    packages: &[package(
        "gunicorn",
        &[
            "gunicorn>=27.0.1,<28; python_version >= '3.10'",
            "gunicorn>=23,<24; python_version >= '3.7' and python_version < '3.10'",
            "gunicorn>=21.2,<22; python_version < '3.7'",
        ],
        // `python -m gunicorn`, and a call as the app's name
        Version::new(20, 1, 0),
    )],
    packages_for_gevent: &[
        GEVENT_PACKAGE,
        // gunicorn's gevent workers import it, and gunicorn 27 asks for it only as an extra, which an
        // app that chose its gunicorn itself may not have named.
        package("packaging", &["packaging>=21"], Version::new(14, 0, 0)),
    ],
    start: Start::Own(start_gunicorn),
    wsgi_classes: &["gevent", "gthread", "sync"],
    asgi_classes: &["asgi", "uvicorn_worker.UvicornWorker"],
    fills_the_gear: true,
    websockets: Ok(
        "yes, thousands with gevent, a thread each with gthread; with ASGI as the class has them",
    ),
    graceful_stop: "finishes requests; gevent empties the backlog, too",
    shortcomings: "sync workers have no WebSockets: one would keep a whole worker. It takes 32,768 \
                   headers at most. With gevent, as gevent",
    ..THREADS
};

pub(super) const UVICORN: WsgiServer = WsgiServer {
    name: "uvicorn",
    description: "an event loop in one process or several; for ASGI apps",
    packages: &[
        // What comes as 1.0 is to be tried first.
        package(
            "uvicorn",
            &[
                "uvicorn>=0.54,<1; python_version >= '3.10'",
                "uvicorn>=0.39,<0.40; python_version == '3.9'",
                "uvicorn>=0.33,<0.34; python_version == '3.8'",
                "uvicorn>=0.22,<0.23; python_version == '3.7'",
                // 0.17 says that it runs on 3.6, and does not.
                "uvicorn>=0.16,<0.17; python_version < '3.7'",
            ],
            // `server_header`, and a shutdown as our launcher extends it
            Version::new(0, 16, 0),
        ),
        // What it has WebSockets by: pure Python where it is not delivered compiled.
        package(
            "websockets",
            &[
                "websockets>=11.0.3,<18; python_version >= '3.7'",
                "websockets>=8.0.2,<10; python_version < '3.7'",
            ],
            Version::new(8, 0, 0),
        ),
        // The parser of HTTP in C, instead of h11 in Python: little more than a third of the processor
        // time for a small request. uvloop beside it was measured to save nothing more here, and takes
        // 16 MB; who wants it names it.
        Requirement {
            name: "httptools",
            lines: &[
                "httptools>=0.6,<1; python_version >= '3.7' and platform_python_implementation == 'CPython'",
            ],
            oldest: Version::new(0, 0, 0),
            optional: true,
        },
    ],
    ..LOOP
};

/// WSGI it would have, too, with each request's body whole in memory, and 16 MiB of it at most.
pub(super) const HYPERCORN: WsgiServer = WsgiServer {
    name: "hypercorn",
    description: "an event loop in one process or several; for ASGI apps, pure Python",
    packages: &[package(
        "hypercorn",
        &[
            "hypercorn>=0.18,<0.19; python_version >= '3.10'",
            "hypercorn>=0.17.3,<0.18; python_version < '3.10'",
        ],
        // A Config whose sockets are asked for when the app has started up
        Version::new(0, 17, 0),
    )],
    shortcomings: "an HTTP/2 client is answered as one of HTTP/1.1; WSGI apps: it holds each body whole \
                   in memory",
    ..LOOP
};

/// Our launcher extends what granian keeps to itself, so only versions that were tried with it.
pub(super) const GRANIAN: WsgiServer = WsgiServer {
    name: "granian",
    description: "HTTP in Rust around an event loop, in one process or several; for ASGI apps",
    packages: &[package(
        "granian",
        &[
            "granian>=2.8.7,<2.9; python_version >= '3.10'",
            "granian>=2.5.7,<2.6; python_version < '3.10'",
        ],
        // `_spawn_worker` without a loader of sockets
        Version::new(2, 5, 7),
    )],
    limits: &[
        (
            Ability::LongUrls,
            "hyper takes at most 65,534 bytes, and granian cannot tell it another limit",
        ),
        (Ability::ManyHeaders, "hyper takes at most 100, and granian cannot tell it another limit"),
    ],
    graceful_stop: "accepts until its WebSockets have ended, finishes requests",
    shortcomings: "a request has at most 100 headers (431) and 65,534 bytes of URL (414): hyper's limits, \
                   which granian cannot set",
    ..LOOP
};

/// Threads, and a loop that takes requests in and answers off them.
pub(super) const WAITRESS: WsgiServer = WsgiServer {
    name: "waitress",
    description: "threads behind a loop that waits for slow bodies; pure Python",
    packages: &[package(
        "waitress",
        &[
            "waitress>=3.0.2,<4; python_version >= '3.9'",
            "waitress>=3,<4; python_version == '3.8'",
            "waitress>=2.1.2,<3; python_version == '3.7'",
            "waitress>=2,<2.1; python_version < '3.7'",
        ],
        // `clear_untrusted_proxy_headers`, and answers whose headers have no line breaks
        Version::new(1, 4, 0),
    )],
    websockets: Err("no: its connections belong to its loop, and it gives apps no way to them"),
    streams: "answers; a body is whole before the app is called",
    ..THREADS
};

pub(super) const CHEROOT: WsgiServer = WsgiServer {
    name: "cheroot",
    description: "the server of CherryPy, on threads; pure Python",
    packages: &[package(
        "cheroot",
        &[
            "cheroot>=11.1.2,<12; python_version >= '3.8'",
            "cheroot>=10.0.1,<11; python_version < '3.8'",
        ],
        // A selector of its own, a file object for sockets, `keep_alive_conn_limit`
        Version::new(9, 0, 0),
    )],
    ..THREADS
};

/// The launcher uses two names that are tornado's own, so what comes as 7 is to be tried first.
pub(super) const TORNADO: WsgiServer = WsgiServer {
    name: "tornado",
    description: "an event loop in front of threads, for WSGI apps beside tornado's own code",
    packages: &[package(
        "tornado",
        &[
            "tornado>=6.6.1,<7; python_version >= '3.11'",
            "tornado>=6.5.10,<6.6; python_version >= '3.9' and python_version < '3.11'",
            "tornado>=6.4.2,<6.5; python_version == '3.8'",
            "tornado>=6.2,<6.3; python_version == '3.7'",
            "tornado>=6.1,<6.2; python_version < '3.7'",
        ],
        // On Python's own event loop, without another way
        Version::new(6, 0, 0),
    )],
    websockets: Err("no: its connections belong to its loop, and WSGI has no way to them"),
    streams: "answers; a body is whole before the app is called",
    ..THREADS
};

/// Why uWSGI takes no long head.
const SIXTEEN_BITS: &str = "it keeps a head's length in 16 bits";

/// A master that keeps worker processes, with threads in each. As a module, which is delivered compiled
/// where the C library is glibc 2.28 or newer; the package uwsgi is source only, and needs a compiler.
pub(super) const UWSGI: WsgiServer = WsgiServer {
    name: "uwsgi",
    description: "worker processes with threads, in C; for busy apps with small requests",
    packages: &[package(
        "pyuwsgi",
        &[
            "pyuwsgi>=2.0.30,<2.1; python_version >= '3.7'",
            "pyuwsgi>=2.0.18,<2.1; python_version < '3.7'",
        ],
        // `fd://` as an address, and a hook that handles a signal
        Version::new(2, 0, 18),
    )],
    limits: &[
        (Ability::LongUrls, SIXTEEN_BITS),
        (Ability::ManyHeaders, SIXTEEN_BITS),
        (Ability::LongHeaders, SIXTEEN_BITS),
    ],
    websocket_at_swap: "goes on until the drain time is over, then is cut",
    graceful_stop: "finishes requests",
    shortcomings: "a head of more than 65,535 bytes, of a request or an answer, gets 502, whatever nginx \
                   lets through: its size has 16 bits. The app is loaded before the workers are forked, \
                   so threads that it starts when it is imported are not in them. A body of unknown \
                   length is empty, which needs `proxy_request_buffering off`. pyuwsgi is delivered \
                   compiled for glibc 2.28 and newer; elsewhere it needs a compiler",
    ..THREADS
};

/// A server that the app brings: a program in its repository, which gets the listening socket as a
/// service of systemd does (`sd_listen_fds(3)`). It asks for what it needs as the app does, whatever
/// the app is, and how many workers it has is its own business.
pub(super) const CUSTOM: WsgiServer = WsgiServer {
    name: "custom",
    description: "an executable of the app's own, .openshift/action_hooks/server, that serves descriptor 3",
    start: Start::Own(start_custom),
    program: Some(PROGRAM),
    interfaces: &[Interface::Wsgi, Interface::Asgi],
    has_workers: false,
    websockets: Ok("the program's business"),
    websocket_at_swap: "the program's business, until the drain time is over",
    streams: "the program's business",
    graceful_stop: "the program's business: it gets SIGTERM",
    shortcomings: "that an answer ends where it says is not seen to: nothing of ours stands before the app",
    ..THREADS
};

fn start_gunicorn(launch: &Launch) -> CommandSpec {
    let configuration = launch.launchers.join(GUNICORN_CONFIGURATION);
    let sockets =
        (0..launch.sockets).flat_map(|n| ["--bind".to_owned(), format!("fd://{}", 3 + n)]);
    let mut command =
        launch.python().args(["-m", "gunicorn", "-c", configuration.as_str()]).args(sockets);
    // An argument beats the app's own gunicorn.conf.py: given only where somebody meant it.
    // Elsewhere than to gthread, gunicorn would take it for a wish for gthread.
    let meant = launch.threads.filter(|_| launch.worker_class.is_gthread());
    for (option, number) in [("--threads", meant), ("--timeout", launch.timeout)] {
        if let Some(number) = number {
            command = command.args([option, &number.to_string()]);
        }
    }
    // gunicorn would import the app by rules of its own, which know no files; our loader, which
    // `gunicorn.conf.py` makes importable, follows the same rules as the other launchers. Arguments of a
    // factory may have quotes; no backslash stands in an entry point.
    let entry_point = launch.entry_point.to_string().replace('"', "\\\"");
    command
        .arg(format!("cartridge_wsgi:load_for_gunicorn(\"{entry_point}\")"))
        .env(WORKERS.name, launch.workers.to_string())
        .env(WORKER_CLASS.name, launch.worker_class.as_str())
        .env(DRAIN_TIMEOUT.name, launch.drain_seconds())
}

fn start_custom(launch: &Launch) -> CommandSpec {
    // Only the process that becomes the program knows its number, and programs look whether they are the
    // one that is meant.
    const BECOME: &str = "export LISTEN_PID=$$; exec \"$0\"";
    CommandSpec::new("/bin/sh", &environment_for(&launch.venv, &launch.env))
        .dir(&launch.app_dir)
        .args(["-c", BECOME])
        .arg(launch.app_dir.join(PROGRAM))
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "app")
}
