//! Whether an app answers: one request for `/` after the other, until one is answered.

use std::net::SocketAddr;
use std::time::Duration;

use cart_core::wait;

use crate::layout::error::GearError;
use crate::scripts::progress::Interrupts;

/// How long one answer may take.
const ONE_ANSWER: Duration = Duration::from_secs(10);

/// The status code of the first answer from the app at `address`. 502, 503 and 504 are said by a
/// server in front of an app that is not there, so they count as none.
///
/// # Errors
/// [`GearError`], after `limit` or when somebody asked for an end.
pub fn wait_for(
    address: SocketAddr,
    limit: Duration,
    interrupts: &Interrupts,
) -> Result<u16, GearError> {
    let agent = agent();
    let mut last = String::from("nothing was asked yet");
    let answer = wait::until(limit, || {
        if interrupts.take() {
            return Some(Err(GearError::interrupted(
                "interrupted while waiting for the app's first answer",
            )));
        }
        match agent.get(format!("http://{address}/")).call() {
            Ok(response) => match response.status().as_u16() {
                status @ 502..=504 => last = format!("HTTP status {status}"),
                status => return Some(Ok(status)),
            },
            Err(error) => last = error.to_string(),
        }
        None
    });
    answer.unwrap_or_else(|| {
        let seconds = limit.as_secs();
        Err(GearError::failed(format!(
            "the app did not answer at http://{address}/ within {seconds} seconds; the last attempt: {last}"
        )))
    })
}

/// A proxy that the caller's environment names is not asked for the way to our own machine, and a
/// redirection is an answer.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(ONE_ANSWER))
        .user_agent("gear")
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers each connection with the next status, then closes.
    fn server(statuses: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for status in statuses {
                let (mut connection, _) = listener.accept().unwrap();
                let _ = connection.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n");
                let rest = "Location: /elsewhere\r\nConnection: close\r\n\r\n";
                let _ = connection.write_all(format!("{head}{rest}").as_bytes());
            }
        });
        address
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn a_gateways_error_is_no_answer_but_the_apps_own_is() {
        let address = server(&["502 Bad Gateway", "503 Busy", "404 Not Found"]);
        let status = wait_for(address, LIMIT, &Interrupts::default()).unwrap();
        assert_eq!(status, 404);
    }

    #[test]
    fn a_redirection_is_an_answer() {
        let address = server(&["302 Found"]);
        let status = wait_for(address, LIMIT, &Interrupts::default()).unwrap();
        assert_eq!(status, 302);
    }

    #[test]
    fn silence_is_an_error_that_tells_the_last_attempt() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let limit = Duration::from_millis(50);
        let error = wait_for(closed, limit, &Interrupts::default()).unwrap_err();
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    }

    #[test]
    fn an_interrupt_ends_the_waiting() {
        let interrupts = Interrupts::default();
        interrupts.raise();
        let closed = "127.0.0.1:1".parse().unwrap();
        let error = wait_for(closed, LIMIT, &interrupts).unwrap_err();
        assert!(error.is_interrupt(), "{error}");
    }
}
