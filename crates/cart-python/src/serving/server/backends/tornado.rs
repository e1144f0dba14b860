//! tornado's server, an event loop, with threads for the app.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets. The launcher uses two names that are tornado's own, so what
/// comes as 7 is to be tried first.
const TORNADO: Requirement = Requirement {
    name: "tornado",
    lines: &[
        "tornado>=6.6.1,<7; python_version >= '3.11'",
        "tornado>=6.5.10,<6.6; python_version >= '3.9' and python_version < '3.11'",
        "tornado>=6.4.2,<6.5; python_version == '3.8'",
        "tornado>=6.2,<6.3; python_version == '3.7'",
        "tornado>=6.1,<6.2; python_version < '3.7'",
    ],
    // On Python's own event loop, without another way
    oldest: Version::new(6, 0, 0),
    optional: false,
};

pub(crate) struct Tornado;

impl WsgiServer for Tornado {
    fn name(&self) -> &'static str {
        "tornado"
    }

    fn description(&self) -> &'static str {
        "an event loop in front of threads, for WSGI apps beside tornado's own code"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![TORNADO]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher_with_threads("serve_tornado.py")
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Err("no: its connections belong to its loop, and WSGI has no way to them")
    }

    fn streams(&self) -> &'static str {
        "answers; a body is whole before the app is called"
    }
}
