//! The client's side: HTTP, raw bytes, WebSockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tungstenite::Message;

/// No answer of a test's server takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(90);

/// An address of the loopback network that nobody else asks for, where every port is free: one that has to be
/// known before somebody listens there, or while nobody does, would on 127.0.0.1 be given to another test. By the
/// number of the process, and by how many it has.
#[must_use]
pub fn own_ip() -> Ipv4Addr {
    const FIRST: u32 = Ipv4Addr::new(127, 192, 0, 0).to_bits();
    // 22 bits, without those of 127.255.255.255.
    const PROCESSES: u32 = (1 << 12) - 1;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let number = GIVEN.fetch_add(1, Ordering::Relaxed) % (1 << 10);
    Ipv4Addr::from_bits(FIRST | (std::process::id() % PROCESSES) << 10 | number)
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names, lower-cased, and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body as text; what is not UTF-8 is U+FFFD.
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Asks for `path` at `address`.
///
/// # Panics
/// When nobody answers there.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Answer {
    try_get(address, path).unwrap_or_else(|e| panic!("GET http://{address}{path}: {e}"))
}

/// Asks for `path` at `address`, which may not answer.
///
/// # Errors
/// What the client says when there was no answer.
pub fn try_get(address: SocketAddr, path: &str) -> Result<Answer, ureq::Error> {
    agent().get(format!("http://{address}{path}")).call().map(answer)
}

/// Sends `body` to `path` at `address`.
///
/// # Panics
/// When nobody answers there.
#[must_use]
pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    let sent = agent().post(format!("http://{address}{path}")).send(body);
    sent.map(answer).unwrap_or_else(|e| panic!("POST http://{address}{path}: {e}"))
}

/// Sends these very bytes and reads until the other side closes.
///
/// # Panics
/// When nobody listens there, or the other side does not close in time.
#[must_use]
pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().unwrap_or_else(|e| panic!("{address}: {e}"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A WebSocket that is open.
#[derive(Debug)]
pub struct WebSocket(tungstenite::WebSocket<TcpStream>);

impl WebSocket {
    /// Opens `path` at `address`.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    pub fn open(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        stream.set_read_timeout(Some(LIMIT)).unwrap_or_else(|e| panic!("set_read_timeout: {e}"));
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url.as_str(), stream)
            .unwrap_or_else(|e| panic!("the handshake with {url} failed: {e}"));
        Self(socket)
    }

    /// Sends a text and waits for the next one.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn exchange(&mut self, text: &str) -> String {
        self.try_exchange(text).unwrap_or_else(|e| panic!("{text:?} did not come back: {e}"))
    }

    /// Sends a text.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap_or_else(|e| panic!("{text:?} was not sent: {e}"));
    }

    /// Waits for the next text.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn hear(&mut self) -> String {
        self.try_hear().unwrap_or_else(|e| panic!("nothing came: {e}"))
    }

    /// Sends a text and a ping behind it, and only then reads: what came back as text, once the pong
    /// has come back, too.
    ///
    /// # Panics
    /// When the connection breaks, or what comes is no WebSocket any more.
    pub fn exchange_beside_a_ping(&mut self, text: &str) -> String {
        fn broken<T>(e: tungstenite::Error) -> T {
            panic!("a text and a ping did not come back: {e}")
        }
        self.0.send(Message::text(text)).unwrap_or_else(broken);
        self.0.send(Message::Ping("ping".into())).unwrap_or_else(broken);
        let (mut came, mut pong) = (None, false);
        loop {
            match self.read().unwrap_or_else(broken) {
                Message::Text(text) => came = Some(text.to_string()),
                Message::Pong(_) => pong = true,
                Message::Ping(_) => {}
                other => panic!("expected a text or a pong, got {other:?}"),
            }
            match came {
                Some(text) if pong => return text,
                other => came = other,
            }
        }
    }

    /// Waits until the server closes it; answers with which code.
    ///
    /// # Panics
    /// When the connection breaks without one.
    pub fn closed_with(&mut self) -> u16 {
        self.try_closed_with().unwrap_or_else(|e| panic!("it was cut, not closed: {e}"))
    }

    /// As [`closed_with`](Self::closed_with), on a connection that may break.
    ///
    /// # Errors
    /// What the client says when it broke.
    ///
    /// # Panics
    /// When it is closed without a code.
    pub fn try_closed_with(&mut self) -> Result<u16, tungstenite::Error> {
        loop {
            match self.read()? {
                Message::Close(Some(close)) => return Ok(close.code.into()),
                Message::Close(None) => panic!("it was closed without a code"),
                _ => {}
            }
        }
    }

    /// As [`exchange`](Self::exchange), on a connection that may break.
    ///
    /// # Errors
    /// What the client says when it broke, or was closed.
    pub fn try_exchange(&mut self, text: &str) -> Result<String, tungstenite::Error> {
        self.0.send(Message::text(text))?;
        self.try_hear()
    }

    /// A read that has a time limit is cut short where the process was stopped meanwhile (signal(7)).
    fn read(&mut self) -> Result<Message, tungstenite::Error> {
        loop {
            match self.0.read() {
                Err(tungstenite::Error::Io(e)) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn try_hear(&mut self) -> Result<String, tungstenite::Error> {
        loop {
            match self.read()? {
                Message::Text(text) => return Ok(text.to_string()),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => return Err(tungstenite::Error::ConnectionClosed),
                other => panic!("expected a text, got {other:?}"),
            }
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(LIMIT))
        .proxy(None)
        .build()
        .into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let text =
        |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect(),
        body: response
            .body_mut()
            .with_config()
            .lossy_utf8(true)
            .read_to_string()
            .unwrap_or_else(|e| panic!("the body broke off: {e}")),
    }
}
