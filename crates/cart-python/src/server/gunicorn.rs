//! gunicorn: a master that keeps worker processes, one and more for each CPU.

use cart_core::CommandSpec;

use super::{GEVENT, GUNICORN, Launch, Requirement, WsgiServer};
use crate::settings::{DRAIN_TIMEOUT, PythonSettings, WORKER_CLASS, WORKERS};

/// Threads of a gthread worker when nobody said how many.
const THREADS: u32 = 8;

pub(super) struct Gunicorn;

impl WsgiServer for Gunicorn {
    fn name(&self) -> &'static str {
        "gunicorn"
    }

    fn description(&self) -> &'static str {
        "worker processes on all CPUs, by default with greenlets; for busy apps"
    }

    fn requirements(&self, settings: &PythonSettings) -> Vec<Requirement> {
        let mut needed = vec![GUNICORN];
        if settings.worker_class.is_gevent() {
            needed.push(GEVENT);
        }
        needed
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        let configuration = launch.launchers.join("gunicorn.conf.py");
        let mut command = launch
            .python()
            .args(["-m", "gunicorn", "-c", configuration.as_str()])
            .args(["--bind", "fd://3"]);
        // An argument beats the app's own gunicorn.conf.py, so it is given only where it is meant.
        if launch.worker_class.is_gthread() || launch.threads.is_some() {
            let threads = launch.threads.unwrap_or(THREADS).to_string();
            command = command.args(["--threads", &threads]);
        }
        command
            .arg(app_argument(launch))
            .env(WORKERS.name, launch.workers.to_string())
            .env(WORKER_CLASS.name, launch.worker_class.as_str())
            .env(DRAIN_TIMEOUT.name, launch.drain_seconds())
    }

    fn has_workers(&self) -> bool {
        true
    }

    fn has_websockets(&self, settings: &PythonSettings) -> bool {
        !settings.worker_class.is_sync()
    }
}

/// gunicorn knows `module:callable` alone; our loader, which `gunicorn.conf.py` makes importable,
/// knows files and dotted callables too.
fn app_argument(launch: &Launch) -> String {
    let entry = &launch.entry_point;
    entry.as_plain_module().unwrap_or_else(|| format!("cartridge_wsgi:load(\"{entry}\")"))
}
