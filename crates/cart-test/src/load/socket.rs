//! A WebSocket that stays open while something changes.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::WebSocket;

/// How often something is said on it.
const INTERVAL: Duration = Duration::from_millis(200);

/// What became of an [`OpenSocket`].
#[derive(Clone, Debug)]
pub struct SocketReport {
    /// Texts that came back.
    pub echoed: u64,
    /// When and how it was cut, if it was: the time since it was opened.
    pub cut: Option<(Duration, String)>,
}

/// A WebSocket to an echo, on which something is said five times a second until
/// [`close`](Self::close).
#[derive(Debug)]
pub struct OpenSocket {
    end: Sender<()>,
    talk: JoinHandle<SocketReport>,
}

impl OpenSocket {
    /// Opens `path` at `address`.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    pub fn open(address: SocketAddr, path: &str) -> Self {
        let mut socket = WebSocket::open(address, path);
        let (end, ended) = mpsc::channel();
        let talk = std::thread::spawn(move || {
            let begin = Instant::now();
            let mut report = SocketReport { echoed: 0, cut: None };
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let text = report.echoed.to_string();
                match socket.try_exchange(&text) {
                    Ok(back) if back == text => report.echoed += 1,
                    Ok(other) => {
                        report.cut = Some((begin.elapsed(), format!("{text:?} became {other:?}")));
                        break;
                    }
                    Err(error) => {
                        report.cut = Some((begin.elapsed(), error.to_string()));
                        break;
                    }
                }
            }
            report
        });
        Self { end, talk }
    }

    /// Closes it and says what became of it.
    ///
    /// # Panics
    /// When its thread did, which is a mistake in this module.
    #[must_use]
    pub fn close(self) -> SocketReport {
        drop(self.end);
        self.talk.join().unwrap_or_else(|_| panic!("the WebSocket's thread panicked"))
    }
}
