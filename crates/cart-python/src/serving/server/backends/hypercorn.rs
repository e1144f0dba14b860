//! hypercorn: an event loop in each process, for ASGI apps.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{AT_SWAP, Launch, Requirement, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets, up to the next minor version: it is not at 1.0.
const HYPERCORN: Requirement = Requirement {
    name: "hypercorn",
    lines: &[
        "hypercorn>=0.18,<0.19; python_version >= '3.10'",
        "hypercorn>=0.17.3,<0.18; python_version < '3.10'",
    ],
    // A Config whose sockets are asked for when the app has started up
    oldest: Version::new(0, 17, 0),
    optional: false,
};

pub(crate) struct Hypercorn;

impl WsgiServer for Hypercorn {
    fn name(&self) -> &'static str {
        "hypercorn"
    }

    fn description(&self) -> &'static str {
        "an event loop in one process or several; for ASGI apps, pure Python"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![HYPERCORN]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher("serve_hypercorn.py", &[])
    }

    /// WSGI it would have, too, with each request's body whole in memory, and 16 MiB of it at most.
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

    fn shortcomings(&self) -> &'static str {
        "an HTTP/2 client is answered as one of HTTP/1.1; WSGI apps: it holds each body whole in memory"
    }
}
