//! granian: HTTP in Rust around an event loop in each process, for ASGI apps.

use cart_core::CommandSpec;
use semver::Version;

use crate::serving::server::{AT_SWAP, Ability, Launch, Requirement, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::worker_class::WorkerClass;

/// Our launcher extends what granian keeps to itself, so only versions that were tried with it.
const GRANIAN: Requirement = Requirement {
    name: "granian",
    lines: &[
        "granian>=2.8.7,<2.9; python_version >= '3.10'",
        "granian>=2.5.7,<2.6; python_version < '3.10'",
    ],
    // `_spawn_worker` without a loader of sockets
    oldest: Version::new(2, 5, 7),
    optional: false,
};

pub(crate) struct Granian;

impl WsgiServer for Granian {
    fn name(&self) -> &'static str {
        "granian"
    }

    fn description(&self) -> &'static str {
        "HTTP in Rust around an event loop, in one process or several; for ASGI apps"
    }

    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        vec![GRANIAN]
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        launch.launcher("serve_granian.py", &[])
    }

    fn interfaces(&self, _class: &WorkerClass) -> &'static [Interface] {
        &[Interface::Asgi]
    }

    fn cannot(&self, ability: Ability, _class: &WorkerClass) -> Option<&'static str> {
        match ability {
            Ability::LongUrls => {
                Some("hyper takes at most 65,534 bytes, and granian cannot tell it another limit")
            }
            Ability::ManyHeaders => {
                Some("hyper takes at most 100, and granian cannot tell it another limit")
            }
            Ability::WebSockets | Ability::Streams | Ability::LongHeaders => None,
        }
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok("yes, thousands")
    }

    fn websocket_at_swap(&self) -> &'static str {
        AT_SWAP
    }

    fn graceful_stop(&self) -> &'static str {
        "accepts until its WebSockets have ended, finishes requests"
    }

    fn shortcomings(&self) -> &'static str {
        "a request has at most 100 headers (431) and 65,534 bytes of URL (414): hyper's limits, which granian cannot set"
    }
}
