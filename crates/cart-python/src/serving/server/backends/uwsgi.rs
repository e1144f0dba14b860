//! uWSGI: a master that keeps worker processes, with threads in each.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{Ability, Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

/// uWSGI as a module, which is delivered compiled where the C library is glibc 2.28 or newer; the
/// package uwsgi is source only, and needs a compiler.
const PYUWSGI: Requirement = Requirement {
    name: "pyuwsgi",
    lines: &[
        "pyuwsgi>=2.0.30,<2.1; python_version >= '3.7'",
        "pyuwsgi>=2.0.18,<2.1; python_version < '3.7'",
    ],
    // `fd://` as an address, and a hook that handles a signal
    oldest: Version::new(2, 0, 18),
    optional: false,
};

pub(crate) struct Uwsgi;

impl WsgiServer for Uwsgi {
    fn name(&self) -> &'static str {
        "uwsgi"
    }

    fn description(&self) -> &'static str {
        "worker processes with threads, in C; for busy apps with small requests"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![PYUWSGI]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher_with_threads("serve_uwsgi.py")
    }

    fn graceful_stop(&self) -> &'static str {
        "finishes requests"
    }

    /// It keeps the size in 16 bits.
    fn cannot(&self, ability: Ability, _class: &WorkerClass) -> Option<&'static str> {
        let needs_long_head =
            matches!(ability, Ability::LongUrls | Ability::LongHeaders | Ability::ManyHeaders);
        needs_long_head.then_some("it keeps a head's length in 16 bits")
    }

    fn websocket_at_swap(&self) -> &'static str {
        "goes on until the drain time is over, then is cut"
    }

    fn shortcomings(&self) -> &'static str {
        "a head of more than 65,535 bytes, of a request or an answer, gets 502, whatever nginx lets \
             through: its size has 16 bits. The app is loaded before the workers are forked, so \
             threads that it starts when it is imported are not in them. A body of unknown length \
             is empty, which needs `proxy_request_buffering off`. pyuwsgi is delivered compiled for \
             glibc 2.28 and newer; elsewhere it needs a compiler"
    }
}
