//! Just enough of HTTP/1 for both sides, byte by byte, so that nothing is added or hidden.

use std::io::{self, BufRead};

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads one message with a `Content-Length`, or up to the end for an answer without;
    /// `None` at the end of the stream.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut message = Self::default();
        if from.read_line(&mut message.start)? == 0 {
            return Ok(None);
        }
        message.start.truncate(message.start.trim_end().len());
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => {
                    message.headers.push((name.to_owned(), value.trim().to_owned()));
                }
                None => break,
            }
        }
        match message.header("content-length") {
            Some(length) => {
                message.body = vec![0; length.parse().unwrap()];
                from.read_exact(&mut message.body)?;
            }
            None if message.start.starts_with("HTTP/") && message.status() != 101 => {
                from.read_to_end(&mut message.body)?;
            }
            None => {}
        }
        Ok(Some(message))
    }

    /// The header's value; its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
