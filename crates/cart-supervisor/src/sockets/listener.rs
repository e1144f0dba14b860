//! Listening sockets that the supervisor holds.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use camino::Utf8Path;
use cart_core::listening::Holder;
use cart_core::{fault, tree};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use crate::protocol::messages::Failure;

/// As long as the system allows: while a server is started again, its requests wait here.
const BACKLOG: i32 = 4096;

/// Binds and listens on a path. What was there before is replaced, a directory, too.
pub(crate) fn unix(path: &Utf8Path) -> Result<OwnedFd, Failure> {
    let failed = |e: io::Error| Failure::NoSocket {
        place: path.to_string(),
        message: fault::words(&e).into_owned(),
    };
    tree::remove(path).map_err(|e| failed(io::Error::other(e)))?;
    let open = || -> rustix::io::Result<OwnedFd> {
        let address = SocketAddrUnix::new(path.as_std_path())?;
        let socket = stream_socket(AddressFamily::UNIX, SocketFlags::empty())?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    open().map_err(|errno| match errno {
        rustix::io::Errno::NAMETOOLONG => Failure::NoSocket {
            place: path.to_string(),
            message: "the path is longer than the 107 bytes that the system allows for a socket: \
                      put the gear in a directory with a shorter path"
                .to_owned(),
        },
        other => failed(other.into()),
    })
}

/// Binds and listens on an address.
pub(crate) fn tcp(address: SocketAddr) -> Result<OwnedFd, Failure> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let open = || -> rustix::io::Result<OwnedFd> {
        // nginx uses a socket that it inherits as it is: on a blocking one, a worker that is to end
        // would sit in `accept` until somebody comes.
        let socket = stream_socket(family, SocketFlags::NONBLOCK)?;
        // A port that was in use until just now has connections in TIME_WAIT.
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    open().map_err(|errno| match errno {
        rustix::io::Errno::ADDRINUSE => {
            Failure::AddressTaken { address, holder: Holder::of(address).map(|h| h.to_string()) }
        }
        other => Failure::NoSocket {
            place: address.to_string(),
            message: io::Error::from(other).to_string(),
        },
    })
}

/// Lets as many wait as from the beginning. Whoever has a listening socket may say anew how many, for
/// all that have it.
pub(crate) fn lengthen_queue(socket: impl AsFd) {
    // It listens already: there is nothing that could fail.
    let _ = listen(socket, BACKLOG);
}

fn stream_socket(family: AddressFamily, flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | flags, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("s.sock");
        drop(unix(&path).unwrap());
        assert!(path.exists());
        let _held = unix(&path).unwrap();
        std::os::unix::net::UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_taken_port_and_a_long_path_are_named() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let failure = tcp(address).unwrap_err();
        let me = format!("pid {}", std::process::id());
        assert!(
            matches!(&failure, Failure::AddressTaken { address: a, holder: Some(h) } if *a == address && h.contains(&me)),
            "{failure:?}"
        );
        let long = camino::Utf8PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        assert!(unix(&long).unwrap_err().to_string().contains("107 bytes"));
    }

    #[test]
    fn a_queue_that_somebody_made_short_is_made_long_again() {
        const MORE: usize = 20;
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("s.sock");
        let held = unix(&path).unwrap();
        let address = SocketAddrUnix::new(path.as_std_path()).unwrap();
        let queued = || {
            // One that finds the queue full would wait.
            let wait_in_queue = |_: &usize| {
                let client = stream_socket(AddressFamily::UNIX, SocketFlags::NONBLOCK).unwrap();
                rustix::net::connect(&client, &address).is_ok()
            };
            (0..MORE).take_while(wait_in_queue).count()
        };
        listen(&held, 1).unwrap();
        assert!(queued() < MORE);
        lengthen_queue(&held);
        assert_eq!(queued(), MORE);
    }
}
