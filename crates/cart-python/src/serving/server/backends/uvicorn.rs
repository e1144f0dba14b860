//! uvicorn: an event loop in each process, for ASGI apps.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{AT_SWAP, Launch, Requirement, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets; what comes as 1.0 is to be tried first.
pub(super) const UVICORN: Requirement = Requirement {
    name: "uvicorn",
    lines: &[
        "uvicorn>=0.54,<1; python_version >= '3.10'",
        "uvicorn>=0.39,<0.40; python_version == '3.9'",
        "uvicorn>=0.33,<0.34; python_version == '3.8'",
        "uvicorn>=0.22,<0.23; python_version == '3.7'",
        // 0.17 says that it runs on 3.6, and does not.
        "uvicorn>=0.16,<0.17; python_version < '3.7'",
    ],
    // `server_header`, and a shutdown as our launcher extends it
    oldest: Version::new(0, 16, 0),
    optional: false,
};

/// What uvicorn has WebSockets by: it is pure Python where it is not delivered compiled.
pub(super) const WEBSOCKETS: Requirement = Requirement {
    name: "websockets",
    lines: &[
        "websockets>=11.0.3,<18; python_version >= '3.7'",
        "websockets>=8.0.2,<10; python_version < '3.7'",
    ],
    oldest: Version::new(8, 0, 0),
    optional: false,
};

/// The parser of HTTP in C, instead of h11 in Python: little more than a third of the processor
/// time for a small request. uvloop beside it was measured to save nothing more here, and takes
/// 16 MB; who wants it names it.
const HTTPTOOLS: Requirement = Requirement {
    name: "httptools",
    lines: &[
        "httptools>=0.6,<1; python_version >= '3.7' and platform_python_implementation == 'CPython'",
    ],
    oldest: Version::new(0, 0, 0),
    optional: true,
};

pub(crate) struct Uvicorn;

impl WsgiServer for Uvicorn {
    fn name(&self) -> &'static str {
        "uvicorn"
    }

    fn description(&self) -> &'static str {
        "an event loop in one process or several; for ASGI apps"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![UVICORN, WEBSOCKETS, HTTPTOOLS]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher("serve_uvicorn.py", &[])
    }

    fn interfaces(&self, _class: &WorkerClass) -> &'static [Interface] {
        &[Interface::Asgi]
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok("yes, thousands")
    }

    fn websocket_at_swap(&self) -> &'static str {
        AT_SWAP
    }

    fn graceful_stop(&self) -> &'static str {
        "finishes requests"
    }
}
