//! gevent's own server: one process, a greenlet for each connection.

use cart_core::CommandSpec;

use super::{GEVENT, Launch, Requirement, WsgiServer};
use crate::settings::PythonSettings;

pub(super) struct Gevent;

impl WsgiServer for Gevent {
    fn name(&self) -> &'static str {
        "gevent"
    }

    fn description(&self) -> &'static str {
        "one process, thousands of open connections; for WebSockets and slow back ends"
    }

    fn requirements(&self, _settings: &PythonSettings) -> Vec<Requirement> {
        vec![GEVENT]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch
            .launcher("serve_gevent.py")
            .args(["--drain", &launch.drain_seconds()])
            .arg(launch.entry_point.to_string())
    }
}
