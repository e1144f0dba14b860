//! cheroot: the server of CherryPy, on threads.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets, up to the next major version.
const CHEROOT: Requirement = Requirement {
    name: "cheroot",
    lines: &[
        "cheroot>=11.1.2,<12; python_version >= '3.8'",
        "cheroot>=10.0.1,<11; python_version < '3.8'",
    ],
    // A selector of its own, a file object for sockets, `keep_alive_conn_limit`
    oldest: Version::new(9, 0, 0),
    optional: false,
};

pub(crate) struct Cheroot;

impl WsgiServer for Cheroot {
    fn name(&self) -> &'static str {
        "cheroot"
    }

    fn description(&self) -> &'static str {
        "the server of CherryPy, on threads; pure Python"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![CHEROOT]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher_with_threads("serve_cheroot.py")
    }
}
