//! A server that the app brings: a program in its repository, which gets the listening socket as a
//! service of systemd does (`sd_listen_fds(3)`).

use cart_core::CommandSpec;

use crate::environment::virtualenv::environment_for;
use crate::serving::server::{Launch, Requirement, WsgiServer};
use crate::variables::interface::Interface;
use crate::variables::worker_class::WorkerClass;

/// The program, from the repository's top.
pub(super) const PROGRAM: &str = ".openshift/action_hooks/server";

/// Only the process that becomes the program knows its number, and programs look whether they are
/// the one that is meant.
const BECOME: &str = "export LISTEN_PID=$$; exec \"$0\"";

pub(crate) struct Custom;

impl WsgiServer for Custom {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn description(&self) -> &'static str {
        "an executable of the app's own, .openshift/action_hooks/server, that serves descriptor 3"
    }

    /// It asks for what it needs as the app does.
    fn requirements(&self, _class: &WorkerClass) -> Vec<Requirement> {
        Vec::new()
    }

    fn command(&self, launch: &Launch) -> CommandSpec {
        let env = environment_for(&launch.venv, &launch.env);
        CommandSpec::new("/bin/sh", &env)
            .dir(&launch.app_dir)
            .args(["-c", BECOME])
            .arg(launch.app_dir.join(PROGRAM))
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "app")
    }

    fn program(&self) -> Option<&'static str> {
        Some(PROGRAM)
    }

    /// Whatever the app is.
    fn interfaces(&self, _class: &WorkerClass) -> &'static [Interface] {
        &[Interface::Wsgi, Interface::Asgi]
    }

    fn websockets(&self) -> Result<&'static str, &'static str> {
        Ok("the program's business")
    }

    fn websocket_at_swap(&self) -> &'static str {
        "the program's business, until the drain time is over"
    }

    fn streams(&self) -> &'static str {
        "the program's business"
    }

    fn graceful_stop(&self) -> &'static str {
        "the program's business: it gets SIGTERM"
    }

    fn shortcomings(&self) -> &'static str {
        "that an answer ends where it says is not seen to: nothing of ours stands before the app"
    }

    /// How many it has is its own business.
    fn has_workers(&self) -> bool {
        false
    }
}
