//! An app's server on a unix socket, which does what a test tells it and remembers what it saw.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use camino::Utf8Path;

use crate::http::Message;

/// What the app does with a request.
pub(crate) enum Reply {
    /// This status, with its reason, and this body.
    Answer(&'static str, String),
    /// Closes the connection without a word, as a server that is killed does.
    Die,
    /// 101, then everything back as it came.
    Echo,
}

/// A request, and which connection it came on.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) request: Message,
}

/// Serves until the test ends; connections that nginx keeps open end with nginx.
pub(crate) struct App {
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Behaviour = dyn Fn(&Message, usize) -> Reply + Send + Sync;

impl App {
    /// Answers each request with its own first line.
    pub(crate) fn parrot(socket: &Utf8Path) -> Self {
        Self::start(socket, |request, _| Reply::Answer("200 OK", request.start.clone()))
    }

    /// Answers as `behaviour` says, which is given the request and how many came before.
    pub(crate) fn start(
        socket: &Utf8Path,
        behaviour: impl Fn(&Message, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let app = Self { seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let (seen, behaviour) = (Arc::clone(&seen), Arc::clone(&behaviour));
                let Ok(connection) = connection else { break };
                std::thread::spawn(move || serve(connection, number, &seen, &*behaviour));
            }
        });
        app
    }

    /// The requests up to now.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Message {
        self.seen().pop().expect("the app saw a request").request
    }
}

fn serve(stream: UnixStream, connection: usize, seen: &Mutex<Vec<Seen>>, behaviour: &Behaviour) {
    let mut out = stream.try_clone().unwrap();
    let mut from = BufReader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut from) {
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(Seen { connection, request: request.clone() });
            seen.len() - 1
        };
        let close = request.header("connection") == Some("close");
        match behaviour(&request, before) {
            Reply::Die => return,
            Reply::Echo => return echo(&mut from, &mut out),
            Reply::Answer(status, body) => {
                let connection = if close { "Connection: close\r\n" } else { "" };
                let length = body.len();
                let body = if request.start.starts_with("HEAD ") { "" } else { &body };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{connection}\r\n{body}"
                );
                if out.write_all(answer.as_bytes()).is_err() || close {
                    return;
                }
            }
        }
    }
}

fn echo(from: &mut impl Read, out: &mut UnixStream) {
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    out.write_all(switch.as_bytes()).unwrap();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        out.write_all(&buffer[..count]).unwrap();
    }
}
