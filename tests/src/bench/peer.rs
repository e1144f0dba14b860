//! What ours is measured beside: programs that are started as their own documentation says.

pub(crate) mod apache;
pub(crate) mod nginx;
pub(crate) mod server;
mod venv;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Child;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::process::{ProcessId, tree};
use cart_core::{CommandSpec, files, run, wait};
use rustix::process::Signal;

pub(crate) use venv::Venv;

/// How long a program may take to end when it is told to.
const LIMIT: Duration = Duration::from_secs(10);

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    id: ProcessId,
}

impl Peer {
    /// Starts it in a directory, where what it prints goes to a file named after it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub(crate) fn start(command: CommandSpec, directory: &Utf8Path) -> Self {
        let name = command.program.file_name().unwrap_or("peer");
        let log = files::open_log(&directory.join(format!("{name}.out"))).unwrap();
        let child = run::service(&command.dir(directory), Vec::new(), &log);
        let child = child.unwrap_or_else(|e| panic!("{e}"));
        let id = ProcessId::of_child(child.id()).unwrap();
        Self { child, id }
    }

    /// Whether it runs still.
    #[must_use]
    pub(crate) fn is_alive(&self) -> bool {
        self.id.is_alive()
    }

    /// It and all that it started.
    #[must_use]
    pub(crate) fn processes(&self) -> Vec<ProcessId> {
        tree::with_descendants(self.id)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let all = self.processes();
        self.id.signal(Signal::TERM);
        // All of them, since the first may end before the others.
        let gone = || all.iter().all(|process| !process.is_alive()).then_some(());
        if wait::until(LIMIT, gone).is_none() {
            all.iter().for_each(|process| process.signal(Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// An address of this machine's own that nobody has.
///
/// # Panics
/// When there is none.
#[must_use]
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
