//! One request to a service that has not proved itself yet, without blocking the supervisor.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::protocol::service::Probe;
use crate::sockets::events;

/// The bytes of an answer that must hold its status line.
const ENOUGH: usize = 16 * 1024;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Probing {
    /// Of any family: connected, all are read and written in the same way.
    stream: UnixStream,
    to_send: Vec<u8>,
    /// Whether our side is to be ended once everything is sent.
    to_end: bool,
    received: Vec<u8>,
    probe: Probe,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer that is allowed.
    Proved,
    /// An HTTP answer with a status that is not allowed.
    WrongStatus(u16),
    /// Something that is not HTTP, or a closed connection.
    NoHttp,
}

/// Sends one probe to an address of this machine and waits for the answer; `None` when there was
/// none within `limit`.
///
/// # Errors
/// When nobody listens there.
pub fn ask(address: SocketAddr, probe: &Probe, limit: Duration) -> io::Result<Option<Verdict>> {
    let deadline = Instant::now() + limit;
    let mut probing = Probing::tcp(address, probe)?;
    loop {
        if let Some(verdict) = probing.advance() {
            return Ok(Some(verdict));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        events::wait(vec![probing.interest()], Some(deadline))?;
    }
}

impl Probing {
    /// Connects to a path and prepares the request. The service need not accept yet: the
    /// connection waits in the backlog; one that is full is an error, for nobody tells when it is not any
    /// more.
    pub(crate) fn unix(path: &Utf8Path, probe: &Probe) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path.as_str())?)?;
        Ok(Self::new(socket.into(), probe))
    }

    /// As [`unix`](Self::unix), to an address of this machine.
    pub(crate) fn tcp(mut address: SocketAddr, probe: &Probe) -> io::Result<Self> {
        if address.ip().is_unspecified() {
            // What listens everywhere is reached on loopback.
            let loopback: std::net::IpAddr = match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
        }
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        // Under load the backlog may be full: the system goes on trying while we do other things.
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(other) => return Err(other.into()),
        }
        Ok(Self::new(socket.into(), probe))
    }

    fn new(stream: UnixStream, probe: &Probe) -> Self {
        let to_send = match probe {
            Probe::Http { path, host, .. } => format!(
                "GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: cartridge-probe\r\n\
                 Accept: */*\r\nConnection: close\r\n\r\n"
            ),
            Probe::Reaction => String::new(),
        };
        Self {
            stream,
            to_send: to_send.into_bytes(),
            to_end: *probe == Probe::Reaction,
            received: Vec::new(),
            probe: probe.clone(),
        }
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        let says = !self.to_send.is_empty() || self.to_end;
        let flags = if says { PollFlags::OUT } else { PollFlags::IN };
        (self.stream.as_fd(), flags)
    }

    /// Goes on with the request; `None` while it is not decided.
    pub(crate) fn advance(&mut self) -> Option<Verdict> {
        while !self.to_send.is_empty() {
            match self.stream.write(&self.to_send) {
                Ok(sent) => drop(self.to_send.drain(..sent)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(Verdict::NoHttp),
            }
        }
        if self.to_end {
            // To end a connection that is still being made would be to give it up.
            if !events::is_ready(&self.stream, PollFlags::OUT) {
                return None;
            }
            match self.stream.shutdown(Shutdown::Write) {
                Ok(()) => self.to_end = false,
                Err(_) => return Some(Verdict::NoHttp),
            }
        }
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Some(self.closed()),
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    if let Some(verdict) = self.judge() {
                        return Some(verdict);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(Verdict::NoHttp),
            }
        }
    }

    fn judge(&self) -> Option<Verdict> {
        let Probe::Http { statuses, .. } = &self.probe else {
            return Some(Verdict::Proved);
        };
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut response = httparse::Response::new(&mut headers);
        // An application may send more headers than we have room for: the status is known by then.
        let parsed = response.parse(&self.received);
        match (response.code, parsed) {
            (Some(code), _) if statuses.iter().any(|range| range.contains(&code)) => {
                Some(Verdict::Proved)
            }
            (Some(code), _) => Some(Verdict::WrongStatus(code)),
            (None, Err(_)) => Some(Verdict::NoHttp),
            (None, Ok(_)) => (self.received.len() > ENOUGH).then_some(Verdict::NoHttp),
        }
    }

    fn closed(&self) -> Verdict {
        match self.probe {
            Probe::Reaction => Verdict::Proved,
            Probe::Http { .. } => Verdict::NoHttp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn http() -> Probe {
        Probe::Http { path: "/ping".into(), host: "h".into(), statuses: vec![100..=499] }
    }

    #[test]
    fn a_reaction_is_the_end_of_a_connection_that_was_ended_without_a_word() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut probing = Probing::tcp(address, &Probe::Reaction).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert_eq!(probing.advance(), None);
        assert_eq!(server.read(&mut [0; 16]).unwrap(), 0);
        drop(server);
        let limit = Instant::now() + Duration::from_secs(20);
        events::wait(vec![probing.interest()], Some(limit)).unwrap();
        assert_eq!(probing.advance(), Some(Verdict::Proved));
        drop(listener);
        let refused = ask(address, &Probe::Reaction, Duration::from_secs(20));
        assert!(!matches!(refused, Ok(Some(Verdict::Proved))), "{refused:?}");
    }

    /// What becomes of a probe that is answered by `answer` and then by a closed connection.
    fn verdict(probe: &Probe, answer: &[u8]) -> (Verdict, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut probing = Probing::unix(&path, probe).unwrap();
        assert_eq!(probing.advance(), None);
        let (mut server, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let count = server.read(&mut request).unwrap();
        server.write_all(answer).unwrap();
        drop(server);
        let request = String::from_utf8_lossy(&request[..count]).into_owned();
        (probing.advance().unwrap(), request)
    }

    #[test]
    fn an_allowed_status_proves_and_another_does_not() {
        let (answer, request) = verdict(&http(), b"HTTP/1.0 404 No\r\n\r\n");
        assert_eq!(answer, Verdict::Proved);
        assert!(request.starts_with("GET /ping HTTP/1.0\r\nHost: h\r\n"), "{request}");
        let (answer, _) = verdict(&http(), b"HTTP/1.1 500 Oops\r\nX: y\r\n\r\n");
        assert_eq!(answer, Verdict::WrongStatus(500));
    }

    #[test]
    fn silence_and_other_protocols_are_no_http() {
        assert_eq!(verdict(&http(), b"").0, Verdict::NoHttp);
        assert_eq!(verdict(&http(), b"220 mail.example ESMTP\r\n").0, Verdict::NoHttp);
    }

    #[test]
    fn a_port_that_answers_is_told_from_one_that_is_silent_or_closed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let moment = Duration::from_millis(50);
        assert_eq!(ask(address, &http(), moment).unwrap(), None);
        let server = std::thread::spawn(move || {
            // The first connection is the one that got no answer.
            let (_silent, _) = listener.accept().unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        });
        let limit = Duration::from_secs(20);
        assert_eq!(ask(address, &http(), limit).unwrap(), Some(Verdict::Proved));
        server.join().unwrap();
        assert!(!matches!(ask(address, &http(), limit), Ok(Some(Verdict::Proved))));
    }
}
