//! One client: a connection, a request on it, its answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::tally::{Loss, Lost};

/// Nothing that is answered at all takes longer.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) post: bool,
    pub(super) slow: bool,
}

impl Request {
    /// As it is sent: in one piece, so that a server has it wholly or not.
    fn bytes(self, host: SocketAddr, keep_alive: bool) -> Vec<u8> {
        let Self { number, post, slow } = self;
        let query = if slow { "?slow" } else { "" };
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let headers = format!("Host: {host}\r\nConnection: {connection}\r\n");
        if post {
            let number = number.to_string();
            let length = number.len();
            format!("POST /sequence{query} HTTP/1.1\r\n{headers}Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{number}")
        } else {
            format!("GET /sequence/{number}{query} HTTP/1.1\r\n{headers}\r\n")
        }
        .into_bytes()
    }

    fn expected(self) -> String {
        format!("{} {}", if self.post { "POST" } else { "GET" }, self.number)
    }
}

/// A client, with the connection that it keeps.
#[derive(Debug)]
pub(super) struct Caller {
    address: SocketAddr,
    keep_alive: bool,
    kept: Option<TcpStream>,
    reconnects: u64,
}

impl Caller {
    pub(super) fn new(address: SocketAddr, keep_alive: bool) -> Self {
        Self { address, keep_alive, kept: None, reconnects: 0 }
    }

    /// How many kept connections were found closed since the last call.
    pub(super) fn take_reconnects(&mut self) -> u64 {
        std::mem::take(&mut self.reconnects)
    }

    /// Asks once, and waits for the answer.
    pub(super) fn ask(&mut self, request: Request) -> Result<(), Lost> {
        let kept = self.take_open();
        let on_kept = kept.is_some();
        let lost = |loss| Lost { loss, post: request.post, kept: on_kept };
        let mut stream = match kept {
            Some(stream) => stream,
            None => connect(self.address).map_err(|_| lost(Loss::Refused))?,
        };
        let sent = stream.write_all(&request.bytes(self.address, self.keep_alive));
        // A server may answer and close without reading everything: the answer tells.
        let answer = match (Answer::read(&mut stream), sent) {
            (Err(Loss::Late), Err(_)) => Err(Loss::NoAnswer),
            (answer, _) => answer,
        }
        .map_err(lost)?;
        if answer.status != 200 {
            return Err(lost(Loss::Status(answer.status)));
        }
        if answer.body != request.expected().as_bytes() {
            return Err(lost(Loss::Wrong));
        }
        if self.keep_alive && !answer.closes {
            self.kept = Some(stream);
        }
        Ok(())
    }

    /// The connection of the last request, if the server has left it open.
    fn take_open(&mut self) -> Option<TcpStream> {
        let kept = self.kept.take()?;
        if is_open(&kept) {
            return Some(kept);
        }
        self.reconnects += 1;
        None
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Whether the server has left a kept connection open: nothing is there to be read, not its end
/// either.
fn is_open(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let nothing = peeked.is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
    nothing && stream.set_nonblocking(false).is_ok()
}

#[derive(Debug)]
struct Answer {
    status: u16,
    /// Whether this is the last one on the connection.
    closes: bool,
    body: Vec<u8>,
}

impl Answer {
    fn read(stream: &mut TcpStream) -> Result<Self, Loss> {
        let mut received = Vec::new();
        let (mut answer, start, length) = loop {
            more(stream, &mut received)?;
            if let Some(head) = head(&received)? {
                break head;
            }
        };
        while received.len() < start + length {
            more(stream, &mut received)?;
        }
        answer.body = received.split_off(start);
        Ok(answer)
    }
}

fn more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Loss> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) if received.is_empty() => Err(Loss::NoAnswer),
        Ok(0) => Err(Loss::Short),
        Ok(count) => {
            received.extend_from_slice(&buffer[..count]);
            Ok(())
        }
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(Loss::Late)
        }
        Err(_) if received.is_empty() => Err(Loss::NoAnswer),
        Err(_) => Err(Loss::Short),
    }
}

/// The head of an answer, where its body starts, and how long that is; `None` while it is not
/// there wholly. Our app and nginx always say the length of what they answer.
fn head(received: &[u8]) -> Result<Option<(Answer, usize, usize)>, Loss> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(parsed) = response.parse(received) else {
        return Err(Loss::Wrong);
    };
    let httparse::Status::Complete(start) = parsed else {
        return Ok(None);
    };
    let header = |name: &str| {
        let found = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
        found.and_then(|h| std::str::from_utf8(h.value).ok())
    };
    let closes = header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let length =
        header("Content-Length").and_then(|value| value.parse().ok()).ok_or(Loss::Wrong)?;
    let status = response.code.ok_or(Loss::Wrong)?;
    Ok(Some((Answer { status, closes, body: Vec::new() }, start, length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_kept_connection_is_used_again_and_replaced_when_it_was_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut caller = Caller::new(listener.local_addr().unwrap(), true);
        let answer = |stream: &mut TcpStream, text: &str| {
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            let length = text.len();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}").unwrap();
        };
        let server = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            answer(&mut first, "GET 1");
            answer(&mut first, "POST 2");
            drop(first);
            let (mut second, _) = listener.accept().unwrap();
            answer(&mut second, "GET 3");
            assert!(second.read(&mut [0; 1024]).unwrap() > 0);
        });
        let request = |number, post| Request { number, post, slow: false };
        assert_eq!(caller.ask(request(1, false)), Ok(()));
        assert_eq!(caller.ask(request(2, true)), Ok(()));
        let closed = cart_core::wait::until(LIMIT, || {
            caller.kept.as_ref().is_none_or(|kept| !is_open(kept)).then_some(())
        });
        assert!(closed.is_some() && caller.take_reconnects() == 0);
        assert_eq!(caller.ask(request(3, false)), Ok(()));
        assert_eq!(caller.take_reconnects(), 1);
        // Closed after the request was read: that is a loss, and nothing is asked again.
        let lost = Lost { loss: Loss::NoAnswer, post: false, kept: true };
        assert_eq!(caller.ask(request(4, false)), Err(lost));
        server.join().unwrap();
    }
}
