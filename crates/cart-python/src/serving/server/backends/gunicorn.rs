//! gunicorn: a master that keeps worker processes, one and more for each CPU.

use cart_core::CommandSpec;
use semver::Version;

use super::gevent::GEVENT;
use crate::serving::server::{Ability, Launch, Requirement, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::names::{DRAIN_TIMEOUT, WORKER_CLASS, WORKERS};
use crate::variables::worker_class::WorkerClass;

/// The file of an app's own that gunicorn reads, at the repository's top.
pub(crate) const CONFIGURATION: &str = "gunicorn.conf.py";

/// The newest that its Python still gets, up to the next major version.
pub(super) const GUNICORN: Requirement = Requirement {
    name: "gunicorn",
    lines: &[
        "gunicorn>=27.0.1,<28; python_version >= '3.10'",
        "gunicorn>=23,<24; python_version >= '3.7' and python_version < '3.10'",
        "gunicorn>=21.2,<22; python_version < '3.7'",
    ],
    // `python -m gunicorn`, and a call as the app's name
    oldest: Version::new(20, 1, 0),
    optional: false,
};

/// gunicorn's gevent workers import it, and gunicorn 27 asks for it only as an extra, which an
/// app that chose its gunicorn itself may not have named.
pub(super) const PACKAGING: Requirement = Requirement {
    name: "packaging",
    lines: &["packaging>=21"],
    oldest: Version::new(14, 0, 0),
    optional: false,
};

pub(crate) struct Gunicorn;

impl WsgiServer for Gunicorn {
    fn name(&self) -> &'static str {
        "gunicorn"
    }

    fn description(&self) -> &'static str {
        "worker processes on all CPUs, by default with greenlets; for busy apps"
    }

    fn requirements(&self, class: &WorkerClass) -> Vec<Requirement> {
        let mut needed = vec![GUNICORN];
        if class.is_gevent() {
            needed.extend([GEVENT, PACKAGING]);
        }
        needed
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        let configuration = launch.launchers.join(CONFIGURATION);
        let mut command =
            launch.python().args(["-m", "gunicorn", "-c", configuration.as_str()]).args(
                (0..launch.sockets).flat_map(|n| ["--bind".to_owned(), format!("fd://{}", 3 + n)]),
            );
        // An argument beats the app's own gunicorn.conf.py: given only where somebody meant it.
        // Elsewhere than to gthread, gunicorn would take it for a wish for gthread.
        let meant = launch.threads.filter(|_| launch.worker_class.is_gthread());
        if let Some(threads) = meant {
            command = command.args(["--threads", &threads.to_string()]);
        }
        if let Some(timeout) = launch.timeout {
            command = command.args(["--timeout", &timeout.to_string()]);
        }
        command
            .arg(app_argument(launch))
            .env(WORKERS.name, launch.workers.to_string())
            .env(WORKER_CLASS.name, launch.worker_class.as_str())
            .env(DRAIN_TIMEOUT.name, launch.drain_seconds())
    }

    fn interfaces(&self, class: &WorkerClass) -> &'static [Interface] {
        match class.interface() {
            Interface::Wsgi => &[Interface::Wsgi],
            Interface::Asgi => &[Interface::Asgi],
        }
    }

    fn worker_classes(&self, interface: Interface) -> &'static [&'static str] {
        match interface {
            Interface::Wsgi => &["gevent", "gthread", "sync"],
            Interface::Asgi => &["asgi", "uvicorn_worker.UvicornWorker"],
        }
    }

    /// Whoever chooses it wants them.
    fn fills_the_gear(&self) -> bool {
        true
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok(
            "yes, thousands with gevent, a thread each with gthread; with ASGI as the class has them",
        )
    }

    fn graceful_stop(&self) -> &'static str {
        "finishes requests; gevent empties the backlog, too"
    }

    fn shortcomings(&self) -> &'static str {
        "sync workers have no WebSockets: one would keep a whole worker. It takes 32,768 headers \
             at most. With gevent, as gevent"
    }

    fn cannot(&self, ability: Ability, class: &WorkerClass) -> Option<&'static str> {
        let is_taken = ability == Ability::WebSockets && class.is_sync();
        is_taken.then_some("a worker of class sync serves one request at a time")
    }
}

/// gunicorn would import the app by rules of its own, which know no files; our loader, which
/// `gunicorn.conf.py` makes importable, follows the same rules as the other launchers.
fn app_argument(launch: &Launch) -> String {
    // Arguments of a factory may have quotes; no backslash stands in an entry point.
    let entry_point = launch.entry_point.to_string().replace('"', "\\\"");
    format!("cartridge_wsgi:load_for_gunicorn(\"{entry_point}\")")
}
