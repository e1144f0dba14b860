//! Many WebSockets to an echo, all in the thread of who calls: one that waits for descriptors takes less
//! of the machine than what it measures.

mod frame;
mod times;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Answers, CONNECTIONS};
use frame::Frame;
use times::Times;

/// Bytes of a message.
pub(crate) const LENGTH: usize = 32;
/// How long a handshake may take, or a message that must come back.
const LIMIT: Duration = Duration::from_secs(10);
/// Who was refused so often in a row, or waited in vain, does not try any longer.
const REFUSALS: usize = 3;
/// How long it waits before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// So many handshakes are made between two looks at what the others' servers say.
const STEP: usize = 100;
/// A key and the answer to it, from RFC 6455 (1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Has so many clients say something, each again as soon as it has come back, for as long as this.
#[must_use]
pub(crate) fn exchange(
    address: SocketAddr,
    path: &str,
    length: Duration,
    end: &AtomicBool,
) -> Answers {
    let (mut sockets, refused) = Sockets::open(address, path, CONNECTIONS as usize, end);
    let mut answers = sockets.exchange(length, end);
    answers.errors += refused as u64;
    answers
}

/// How many sockets this process may still have open, after it asked for as many as it may ask for.
#[must_use]
pub(crate) fn room() -> usize {
    /// What is open otherwise.
    const OTHERS: u64 = 200;
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, it stays at what it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(now.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// WebSockets that are open.
#[derive(Debug)]
pub(crate) struct Sockets {
    epoll: OwnedFd,
    all: Vec<Socket>,
    /// What is sent, and what must come back.
    question: Vec<u8>,
    answer: Vec<u8>,
}

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    /// The beginning of a frame.
    came: Vec<u8>,
    /// When something was said that has not come back.
    asked: Option<Instant>,
    /// Whether anything ever came back.
    answered: bool,
    /// Closed, or not to be understood any more.
    broken: bool,
}

impl Sockets {
    /// Opens so many; answers how many were refused, too.
    ///
    /// # Panics
    /// When the system has no room for a set of descriptors.
    #[must_use]
    pub(crate) fn open(
        address: SocketAddr,
        path: &str,
        count: usize,
        end: &AtomicBool,
    ) -> (Self, usize) {
        let text = [b'm'; LENGTH];
        let mut sockets = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).unwrap(),
            all: Vec::new(),
            question: frame::masked(frame::TEXT, &text),
            answer: frame::plain(frame::TEXT, &text),
        };
        let mut in_a_row = 0;
        for nth in 0..count {
            if end.load(Ordering::Relaxed) || in_a_row == REFUSALS {
                break;
            }
            match Socket::open(address, path).and_then(|socket| sockets.add(socket)) {
                Ok(()) => in_a_row = 0,
                Err(_) => in_a_row += 1,
            }
            if nth % STEP == STEP - 1 {
                sockets.take(Duration::ZERO, |_, _| ());
            }
        }
        let refused = count - sockets.all.len();
        (sockets, refused)
    }

    /// How many are open still.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.all.iter().filter(|socket| !socket.broken).count()
    }

    /// Says something on each, again and again.
    #[must_use]
    pub(crate) fn exchange(&mut self, length: Duration, end: &AtomicBool) -> Answers {
        let began = Instant::now();
        let until = began + length;
        let question = self.question.clone();
        self.all.iter_mut().for_each(|socket| socket.say(&question));
        let mut times = Times::default();
        while Instant::now() < until && !end.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            self.take(left.min(LOOK), |socket, took| {
                times.count(took);
                socket.say(&question);
            });
        }
        let errors = self.all.iter().filter(|socket| socket.broken || !socket.answered).count();
        Answers {
            count: times.all(),
            took: began.elapsed(),
            p50: times.percentile(50),
            p99: times.percentile(99),
            errors: errors as u64,
        }
    }

    /// Says nothing for as long as this, but for what a server asks of its clients (pings).
    pub(crate) fn idle(&mut self, length: Duration, end: &AtomicBool) {
        let until = Instant::now() + length;
        while Instant::now() < until && !end.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            self.take(left.min(LOOK), |_, _| ());
        }
    }

    /// Says something on each once; answers on how many it came back in time.
    #[must_use]
    pub(crate) fn answering(&mut self, end: &AtomicBool) -> usize {
        let question = self.question.clone();
        let until = Instant::now() + LIMIT;
        let mut came = 0;
        self.all.iter_mut().for_each(|socket| socket.say(&question));
        let is_awaited = |socket: &Socket| socket.asked.is_some() && !socket.broken;
        while self.all.iter().any(is_awaited)
            && Instant::now() < until
            && !end.load(Ordering::Relaxed)
        {
            self.take(LOOK, |_, _| came += 1);
        }
        came
    }

    fn add(&mut self, socket: Socket) -> io::Result<()> {
        let data = epoll::EventData::new_u64(self.all.len() as u64);
        epoll::add(&self.epoll, &socket.stream, data, epoll::EventFlags::IN)?;
        self.all.push(socket);
        Ok(())
    }

    /// Waits as long as this for something to come, and takes what is there. `answered` gets each socket on
    /// which came back what was said, and how long that took.
    fn take(&mut self, wait: Duration, mut answered: impl FnMut(&mut Socket, Duration)) {
        let mut ready = Vec::with_capacity(CONNECTIONS as usize);
        let limit = Timespec::try_from(wait).ok();
        // Interrupted by a signal: then the caller looks whether it is to end.
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready), limit.as_ref());
        for event in ready {
            let nth = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(socket) = self.all.get_mut(nth) else { continue };
            let asked = socket.asked;
            if socket.take(&self.answer)
                && let Some(asked) = asked
            {
                answered(socket, asked.elapsed());
            }
            if socket.broken {
                let _ = epoll::delete(&self.epoll, &socket.stream);
            }
        }
    }
}

impl Socket {
    fn open(address: SocketAddr, path: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut came = Vec::new();
        let mut part = [0; 1024];
        let head = loop {
            if let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => came.extend_from_slice(&part[..count]),
            }
        };
        let rest = came.split_off(head);
        let text = String::from_utf8_lossy(&came);
        if !text.starts_with("HTTP/1.1 101 ") || !text.contains(ACCEPTED) {
            return Err(io::Error::other(text.into_owned()));
        }
        stream.set_nonblocking(true)?;
        Ok(Self { stream, came: rest, asked: None, answered: false, broken: false })
    }

    fn say(&mut self, question: &[u8]) {
        if !self.broken {
            self.asked = Some(Instant::now());
            self.send(question);
        }
    }

    /// What fits in no buffer is more than anybody leaves unread here.
    fn send(&mut self, bytes: &[u8]) {
        self.broken |= !matches!(self.stream.write(bytes), Ok(count) if count == bytes.len());
    }

    /// Takes what is there; answers whether it was what had been said.
    fn take(&mut self, answer: &[u8]) -> bool {
        let mut part = [0; 4096];
        let part = match self.stream.read(&mut part) {
            Ok(count) if count > 0 => &part[..count],
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Ok(_) | Err(_) => {
                self.broken = true;
                return false;
            }
        };
        // Nearly always.
        if self.came.is_empty() && part == answer {
            return self.is_answered();
        }
        self.came.extend_from_slice(part);
        let mut answered = false;
        while let Some(Frame { kind, payload, length }) = frame::first(&self.came) {
            match kind {
                frame::TEXT => {
                    let is_right = answer.ends_with(payload) && payload.len() == LENGTH;
                    self.broken |= !is_right;
                    answered |= is_right;
                }
                frame::PING => {
                    let pong = frame::masked(frame::PONG, payload);
                    self.send(&pong);
                }
                frame::PONG => {}
                _ => self.broken = true,
            }
            self.came.drain(..length);
        }
        answered && !self.broken && self.is_answered()
    }

    fn is_answered(&mut self) -> bool {
        self.answered = true;
        self.asked.take().is_some()
    }
}

#[cfg(test)]
mod tests;
