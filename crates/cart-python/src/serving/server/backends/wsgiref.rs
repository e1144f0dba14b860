//! Python's own server, on threads: nothing to install, enough for an app with few visitors.

use cart_core::CommandSpec;

use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::worker_class::WorkerClass;

pub(crate) struct Wsgiref;

impl WsgiServer for Wsgiref {
    fn name(&self) -> &'static str {
        "wsgiref"
    }

    fn description(&self) -> &'static str {
        "Python's own server, on threads; nothing to install"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        Vec::new()
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher_with_threads("serve_wsgiref.py")
    }
    fn shortcomings(&self) -> &'static str {
        "connections are not kept open: each request has one of its own. A body of unknown length is \
             empty, which needs `proxy_request_buffering off`. One worker on Python 2"
    }
}
