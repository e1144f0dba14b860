//! HTTP as it stands on the wire.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::stage::connect;

/// Asks for `target` with these lines as headers. nginx may close in the middle of a request that
/// is too long.
#[must_use]
pub fn ask(address: SocketAddr, target: &str, headers: &[String]) -> String {
    let mut head = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    let mut stream = connect(address);
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer.
#[must_use]
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// So many headers.
#[must_use]
pub fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("X-Many-{n}: x")).collect()
}

/// The body of an answer in chunks, which must end with the last one.
#[derive(Debug)]
pub(super) struct Chunks {
    answer: BufReader<TcpStream>,
    left: usize,
}

impl Chunks {
    /// The body that follows a head that was read.
    pub(super) fn new(answer: BufReader<TcpStream>) -> Self {
        Self { answer, left: 0 }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut size = String::new();
            self.answer.read_line(&mut size)?;
            self.left = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let wanted = buffer.len().min(self.left);
        let count = self.answer.read(&mut buffer[..wanted])?;
        self.left -= count;
        if self.left == 0 {
            self.answer.read_line(&mut String::new())?;
        }
        Ok(count)
    }
}

/// Sends a request and reads the head of the answer.
///
/// # Panics
/// When the connection ends before.
pub(super) fn head(address: SocketAddr, request: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(answer.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (head, answer)
}
