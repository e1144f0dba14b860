//! A hook's connection to the supervisor: one request, one answer.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::protocol::messages::{Message, Request, Response};

/// A request carries an environment, which the system bounds at about 2 MB.
const LONGEST_REQUEST: usize = 8 * 1024 * 1024;
/// How long a connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection and what has arrived on it so far.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    since: Instant,
}

/// What reading from a connection gave.
#[derive(Debug)]
pub(crate) enum Received {
    /// Not a whole line yet.
    Nothing,
    /// A request.
    Request(Request),
    /// A line that is none.
    Garbage(String),
    /// The other side is gone.
    Closed,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: Vec::new(), since: Instant::now() })
    }

    /// One of which `received` has arrived already.
    pub(crate) fn begun(stream: UnixStream, received: Vec<u8>) -> io::Result<Self> {
        Ok(Self { received, ..Self::new(stream)? })
    }

    /// What has arrived of its request.
    pub(crate) fn received(&self) -> &[u8] {
        &self.received
    }

    /// When it has said nothing for too long.
    pub(crate) fn silent_at(&self) -> Instant {
        self.since + PATIENCE
    }

    /// Whether it has said nothing for too long.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent_at() <= Instant::now()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Reads what has arrived.
    pub(crate) fn receive(&mut self) -> Received {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Received::Closed,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Received::Closed,
            }
            if self.received.len() > LONGEST_REQUEST {
                return Received::Closed;
            }
        }
        let Some(end) = self.received.iter().position(|b| *b == b'\n') else {
            return Received::Nothing;
        };
        let line: Vec<u8> = self.received.drain(..=end).collect();
        match Message::read(&line) {
            Ok(request) => Received::Request(request),
            Err(why) => Received::Garbage(why),
        }
    }

    /// Sends the answer and ends the connection. A hook that was killed meanwhile is no error;
    /// one that does not read must not stop the supervisor.
    pub(crate) fn answer(mut self, response: &Response) {
        let limit = Some(Duration::from_secs(1));
        if let Ok(mut line) = serde_json::to_vec(&Message::new(response)) {
            line.push(b'\n');
            let _ = self.stream.set_nonblocking(false);
            let _ = self.stream.set_write_timeout(limit);
            let _ = self.stream.write_all(&line);
        }
    }
}

/// Answers whoever asked for a change, if somebody did.
pub(crate) fn answer(asked_by: Option<Connection>, response: &Response) {
    if let Some(connection) = asked_by {
        connection.answer(response);
    }
}
