//! gevent's own server: one process, a greenlet for each connection.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

/// The newest that its Python still gets, up to the next major version; older ones where only
/// those are delivered compiled (for Python 3.9, for systems with an old C library).
pub(super) const GEVENT: Requirement = Requirement {
    name: "gevent",
    lines: &[
        "gevent>=25.9.1,<27; python_version >= '3.9'",
        "gevent>=24.2.1,<25; python_version == '3.8'",
        "gevent>=22.10.2,<23; python_version < '3.8'",
    ],
    // `gevent.signal_handler`
    oldest: Version::new(1, 5, 0),
    optional: false,
};

pub(crate) struct Gevent;

impl WsgiServer for Gevent {
    fn name(&self) -> &'static str {
        "gevent"
    }

    fn description(&self) -> &'static str {
        "thousands of open connections in one process; for WebSockets and slow back ends"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![GEVENT]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher("serve_gevent.py", &[])
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok("yes, thousands")
    }

    fn shortcomings(&self) -> &'static str {
        "`multiprocessing` hangs in it, because gevent replaces Python's threads"
    }
}
