//! waitress: threads, and a loop that takes requests in and answers off them.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets, up to the next major version.
const WAITRESS: Requirement = Requirement {
    name: "waitress",
    lines: &[
        "waitress>=3.0.2,<4; python_version >= '3.9'",
        "waitress>=3,<4; python_version == '3.8'",
        "waitress>=2.1.2,<3; python_version == '3.7'",
        "waitress>=2,<2.1; python_version < '3.7'",
    ],
    // `clear_untrusted_proxy_headers`, and answers whose headers have no line breaks
    oldest: Version::new(1, 4, 0),
    optional: false,
};

pub(crate) struct Waitress;

impl WsgiServer for Waitress {
    fn name(&self) -> &'static str {
        "waitress"
    }

    fn description(&self) -> &'static str {
        "threads behind a loop that waits for slow bodies; pure Python"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![WAITRESS]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher_with_threads("serve_waitress.py")
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Err("no: its connections belong to its loop, and it gives apps no way to them")
    }

    fn streams(&self) -> &'static str {
        "answers; a body is whole before the app is called"
    }
}
