//! The process that tells figures to Prometheus: `PROGRAM serve-metrics DIRECTORY`, with a listening
//! socket as descriptor 3. nginx alone reaches it, and passes only those on who may see them.
//!
//! It keeps nothing between two questions, so that its death costs nothing; the supervisor starts it
//! again.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;
use std::time::Duration;

use cart_core::{CartridgeDir, exit_code, inherited};

use crate::running::metrics;

/// The word by which the cartridge's program is told to be this.
pub(crate) const WORD: &str = "serve-metrics";

/// The listening socket's descriptor.
const SOCKET: i32 = 3;
/// How long nginx may take to ask, or to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest question.
const LONGEST: u64 = 64 * 1024;

/// Does this work if the command line of this process asks for it.
pub(crate) fn run() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().collect();
    let [_, word, directory] = words.as_slice() else { return None };
    if word != WORD {
        return None;
    }
    let socket = inherited::adopt()
        .and_then(|()| inherited::take(SOCKET).map(UnixListener::from).map_err(io::Error::other));
    let dir = CartridgeDir::new(directory.into());
    match socket.and_then(|socket| serve(&socket, &dir)) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            // It is the supervisor's log; there is nobody else to tell.
            let _ = writeln!(io::stderr(), "{WORD}: {error}");
            Some(ExitCode::from(exit_code::FAILED))
        }
    }
}

/// One at a time: who asks often waits for himself.
fn serve(socket: &UnixListener, dir: &CartridgeDir) -> io::Result<()> {
    loop {
        let (stream, _) = socket.accept()?;
        // Whoever went meanwhile has no answer to get.
        let _ = answer(&stream, dir);
    }
}

fn answer(mut stream: &UnixStream, dir: &CartridgeDir) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if !is_asked(stream)? {
        return Ok(());
    }
    let (status, text) = match metrics::gather(dir) {
        Ok(Some(figures)) => ("200 OK", figures.for_prometheus()),
        Ok(None) => ("503 Service Unavailable", "The supervisor does not answer\n".to_owned()),
        Err(error) => ("503 Service Unavailable", format!("{error}\n")),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

/// Reads the head of a question; `false` when nothing is asked. What is asked makes no difference:
/// nginx has chosen.
fn is_asked(stream: &UnixStream) -> io::Result<bool> {
    let mut head = Vec::new();
    let mut stream = stream.take(LONGEST);
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(false),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    fn asked(question: &[u8]) -> String {
        let place = tempfile::tempdir().unwrap();
        let dir = CartridgeDir::new(Utf8Path::from_path(place.path()).unwrap().to_owned());
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(question).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        answer(&server, &dir).unwrap();
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_question_gets_figures_and_a_mere_visit_nothing() {
        let text = asked(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\nadvanced_python_up 0\n"), "{text}");
        assert_eq!(asked(b""), "");
        assert_eq!(asked(b"GET /metrics"), "");
    }
}
