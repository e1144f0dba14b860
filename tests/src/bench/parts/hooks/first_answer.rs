//! When somebody first gets the right answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bench::Interrupted;

/// How often it is asked: as often as does not keep the machine from what is measured.
const PAUSE: Duration = Duration::from_millis(2);
/// How long it may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who asks until he gets the answer.
#[derive(Debug)]
pub(super) struct FirstAnswer(JoinHandle<Option<Duration>>);

impl FirstAnswer {
    /// Asks from now on for as long as another answer comes, or none.
    pub(super) fn of(address: SocketAddr, text: String, end: &Arc<AtomicBool>) -> Self {
        let (began, end) = (Instant::now(), Arc::clone(end));
        Self(std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                if ask(address).is_ok_and(|answer| is(&answer, &text)) {
                    return Some(began.elapsed());
                }
                assert!(began.elapsed() < LIMIT, "{address} never answered {text:?}");
                std::thread::park_timeout(PAUSE);
            }
            None
        }))
    }

    /// Waits for it: how long after the beginning it came.
    ///
    /// # Errors
    /// [`Interrupted`] by somebody.
    ///
    /// # Panics
    /// When it did not come.
    pub(super) fn after(self) -> Result<Duration, Interrupted> {
        let came = self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        came.ok_or(Interrupted)
    }
}

/// A POST, since no connection of nginx to a replaced server is used again for one.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n");
    stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Whether it is this text, with status 200.
fn is(answer: &str, text: &str) -> bool {
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    answer.split(' ').nth(1) == Some("200") && body == Some(text)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn another_answer_and_another_status_are_none() {
        let ok = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
        assert!(is(&format!("{ok}new"), "new") && !is(&format!("{ok}old"), "new"));
        assert!(!is(&format!("{ok}newer"), "new") && !is("HTTP/1.1 502 Bad\r\n\r\nnew", "new"));
    }

    #[test]
    fn it_is_asked_until_it_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let end = Arc::new(AtomicBool::new(false));
        let answer = FirstAnswer::of(address, "new".to_owned(), &end);
        for text in ["old", "old", "new"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 16];
            stream.read_exact(&mut asked).unwrap();
            assert!(asked.starts_with(b"POST / HTTP/1.1"));
            stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{text}").as_bytes()).unwrap();
            // What was not read would be an error for the other side.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
        assert!(answer.after().is_ok());
        end.store(true, Ordering::Relaxed);
        assert_eq!(FirstAnswer::of(address, "new".to_owned(), &end).after(), Err(Interrupted));
    }
}
