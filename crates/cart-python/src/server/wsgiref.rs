//! Python's own server, on threads: nothing to install, enough for an app with few visitors.

use cart_core::CommandSpec;

use super::{Launch, Requirement, WsgiServer};
use crate::settings::PythonSettings;

/// Requests at the same time when nobody said how many.
const THREADS: u32 = 32;

pub(super) struct Wsgiref;

impl WsgiServer for Wsgiref {
    fn name(&self) -> &'static str {
        "wsgiref"
    }

    fn description(&self) -> &'static str {
        "Python's own server, on threads; nothing to install"
    }

    fn requirements(&self, _settings: &PythonSettings) -> Vec<Requirement> {
        Vec::new()
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        let threads = launch.threads.unwrap_or(THREADS).to_string();
        launch
            .launcher("serve_wsgiref.py")
            .args(["--threads", &threads, "--drain", &launch.drain_seconds()])
            .arg(launch.entry_point.to_string())
    }
}
