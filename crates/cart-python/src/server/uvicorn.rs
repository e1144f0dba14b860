//! uvicorn: an event loop in each process, for ASGI apps.

use cart_core::CommandSpec;

use super::{Launch, Requirement, UVICORN, WEBSOCKETS, WsgiServer};
use crate::interface::Interface;
use crate::settings::PythonSettings;

pub(super) struct Uvicorn;

impl WsgiServer for Uvicorn {
    fn name(&self) -> &'static str {
        "uvicorn"
    }

    fn description(&self) -> &'static str {
        "an event loop in one process or several; for ASGI apps"
    }

    /// httptools and uvloop make it faster and must be compiled where they are not delivered so:
    /// they are used where the app asks for them (`uvicorn[standard]`).
    fn requirements(&self, _settings: &PythonSettings) -> Vec<Requirement> {
        vec![UVICORN, WEBSOCKETS]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch
            .launcher("serve_uvicorn.py")
            .args(["--workers", &launch.workers.to_string(), "--drain", &launch.drain_seconds()])
            .arg(launch.entry_point.to_string())
    }

    fn interfaces(&self, _settings: &PythonSettings) -> &'static [Interface] {
        &[Interface::Asgi]
    }

    fn has_workers(&self) -> bool {
        true
    }

    /// Many ASGI apps keep what their visitors share in memory.
    fn default_workers(&self, _fitting: &dyn Fn() -> u32) -> u32 {
        1
    }
}
