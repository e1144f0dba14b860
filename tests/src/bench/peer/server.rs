//! Python servers, alone: as a person who wants speed calls them.

use std::net::SocketAddr;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, tree};

use super::{Peer, Venv};
use crate::cartridge::fixture;
use crate::way::{self, Way};

/// A server that is measured.
#[derive(Debug)]
pub(crate) struct Server {
    /// How it is called.
    pub(crate) name: &'static str,
    /// Its name among the ways to serve an app, which says what it needs.
    way: &'static str,
    /// The worker processes of each candidate but the one with our default.
    pub(crate) workers: u32,
    /// How nginx speaks with it.
    pub(crate) protocol: Protocol,
    /// What one types, with `{workers}`, and with `{listen}` for one of the next two.
    command: &'static str,
    /// How it is told to listen at `{address}`, or at `{host}` and `{port}`.
    address: &'static str,
    /// How it is told to listen on `{socket}`.
    socket: &'static str,
    /// What the original gave to it, too.
    pub(crate) originals: &'static str,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// For clients.
    Address(SocketAddr),
    /// For an nginx in front.
    Socket(&'a Utf8Path),
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// By HTTP.
    Http,
    /// By uWSGI's own.
    Uwsgi,
}

/// All of them. Those with workers have two, which are enough for two processors, on each side: like is
/// compared with like. Threads are as many as ours has by default.
pub(crate) const SERVERS: &[Server] = &[
    Server {
        name: "gunicorn",
        way: "gunicorn",
        workers: 2,
        protocol: Protocol::Http,
        command: "gunicorn --worker-class gevent --workers {workers} {listen} app:application",
        address: "--bind {address}",
        socket: "--bind unix:{socket}",
        originals: "--access-logfile access.log",
    },
    Server {
        name: "wsgiref",
        way: "wsgiref",
        workers: 1,
        protocol: Protocol::Http,
        command: "python wsgiref_alone.py {listen}",
        address: "{address}",
        socket: "{socket}",
        originals: "",
    },
    Server {
        name: "uvicorn",
        way: "uvicorn-httptools",
        workers: 2,
        protocol: Protocol::Http,
        command: "uvicorn --workers {workers} --no-access-log --log-level warning {listen} \
                  asgi:application",
        address: "--host {host} --port {port}",
        socket: "--uds {socket}",
        originals: "",
    },
    Server {
        name: "granian",
        way: "granian",
        workers: 2,
        protocol: Protocol::Http,
        command: "granian --interface asgi --http 1 --workers {workers} --log-level warning {listen} \
                  asgi:application",
        address: "--host {host} --port {port}",
        socket: "--uds {socket}",
        originals: "",
    },
    Server {
        name: "uwsgi",
        way: "uwsgi",
        workers: 2,
        protocol: Protocol::Uwsgi,
        command: "pyuwsgi --master --die-on-term --need-app --disable-logging --processes {workers} \
                  --threads 32 --listen 128 --module app:application {listen}",
        address: "--http {address} --http-keepalive",
        socket: "--socket {socket}",
        originals: "",
    },
];

impl Server {
    /// Its way among those of the cartridge.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub(crate) fn way(&self) -> &'static Way {
        way::by_name(self.way).unwrap()
    }

    /// Starts it with the app of a directory, and with more words; its own files are in `directory`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub(crate) fn start(
        &self,
        venv: &Venv,
        app: &Utf8Path,
        at: At<'_>,
        more: &str,
        directory: &Utf8Path,
    ) -> Peer {
        tree::copy(app, directory, |_| false).unwrap();
        let alone = "wsgiref_alone.py";
        std::fs::copy(fixture("bench").join(alone), directory.join(alone)).unwrap();
        // Some keep files in their user's home; some find the app only so.
        let env = GearEnv::new()
            .with("PATH", "/usr/bin:/bin")
            .with("HOME", directory.as_str())
            .with("PYTHONPATH", directory.as_str());
        let mut words = self.words(at).into_iter();
        let program = venv.program(&words.next().unwrap());
        let command = CommandSpec::new(program, &env).args(words).args(more.split_whitespace());
        Peer::start(command, directory)
    }

    /// What one types, word by word.
    fn words(&self, at: At<'_>) -> Vec<String> {
        let listen = match at {
            At::Address(address) => (self.address.replace("{address}", &address.to_string()))
                .replace("{host}", &address.ip().to_string())
                .replace("{port}", &address.port().to_string()),
            At::Socket(path) => self.socket.replace("{socket}", path.as_str()),
        };
        let command = self.command.replace("{workers}", &self.workers.to_string());
        command.replace("{listen}", &listen).split_whitespace().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_server_of_ours_and_is_told_where_to_listen() {
        for server in SERVERS {
            assert_eq!(server.way().server, server.name);
            let address = server.words(At::Address(([127, 0, 0, 1], 8123).into())).join(" ");
            assert!(address.contains("127.0.0.1") && address.contains("8123"), "{address}");
            let socket = server.words(At::Socket("/run/app.sock".into())).join(" ");
            assert!(socket.contains("/run/app.sock"), "{socket}");
            assert!(!address.contains('{') && !socket.contains('{'), "{address}\n{socket}");
        }
    }
}
