//! Socket.IO, whose clients begin with long polling, on several workers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use cart_test::{WebSocket, raw};

use super::served_with;

/// No answer takes more polls: the server says `2` every 25 seconds at most.
const MOST_POLLS: usize = 4;

/// What separates packets in one answer.
const BETWEEN: char = '\u{1e}';

/// A client that polls, as engine.io's protocol has it in its fourth version.
struct Client {
    gear: SocketAddr,
    /// The address that a proxy on this machine tells, if there is one.
    from: Option<String>,
    sid: String,
    /// The process that knows it.
    worker: String,
}

impl Client {
    fn connect(gear: SocketAddr, from: Option<String>) -> Self {
        let mut client = Self { gear, from, sid: String::new(), worker: String::new() };
        let opened = client.ask("GET", "");
        let opened: serde_json::Value = serde_json::from_str(&opened[1..]).unwrap();
        client.sid = opened["sid"].as_str().unwrap().to_owned();
        assert_eq!(client.ask("POST", "40"), "OK");
        client.worker = client.hear(r#"42["worker","#).trim_end_matches(']').to_owned();
        client
    }

    fn path(&self, transport: &str) -> String {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        format!("/socket.io/?EIO=4&transport={transport}{sid}")
    }

    /// The body of the answer.
    fn ask(&self, method: &str, body: &str) -> String {
        let from = self.from.iter().map(|from| format!("X-Forwarded-For: {from}\r\n"));
        // An older protocol, so that the answer is in one piece.
        let asked = format!(
            "{method} {} HTTP/1.0\r\nHost: x\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            self.path("polling"),
            from.collect::<String>(),
            body.len()
        );
        let answer = raw(self.gear, asked.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{asked}\n{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// What follows `start` in the first packet that begins with it.
    fn hear(&self, start: &str) -> String {
        let mut heard = Vec::new();
        for _ in 0..MOST_POLLS {
            let packets = self.ask("GET", "");
            let found = packets.split(BETWEEN).find_map(|packet| packet.strip_prefix(start));
            if let Some(rest) = found {
                return rest.to_owned();
            }
            if packets.split(BETWEEN).any(|packet| packet == "2") {
                assert_eq!(self.ask("POST", "3"), "OK");
            }
            heard.push(packets);
        }
        panic!("nothing began with {start}: {heard:?}");
    }

    /// Lets the app add a number, and waits for the sum.
    fn add(&self, number: u32) -> String {
        assert_eq!(self.ask("POST", &format!(r#"420["add",{number}]"#)), "OK");
        self.hear("430")
    }
}

#[test]
fn socketio_polls_and_upgrades_on_four_workers() {
    let gear = served_with("socketio", &[("OPENSHIFT_PYTHON_WORKERS", "4")]);
    let said = gear.control("start").done().text.clone();
    let why = "each client stays with one worker, because engineio is installed";
    assert!(said.contains(why), "{said}");

    // So many that each worker has some, wherever the gear's paths put them.
    let of = |nth| Client::connect(gear.address(), Some(format!("203.0.113.{nth}")));
    let clients: Vec<Client> = (1..=64).map(of).collect();
    let workers: BTreeSet<&str> = clients.iter().map(|client| client.worker.as_str()).collect();
    assert_eq!(workers.len(), 4, "{workers:?}");
    for sum in ["[1]", "[2]", "[3]"] {
        clients.iter().for_each(|client| assert_eq!(client.add(1), sum));
    }

    // Whoever changes to a WebSocket goes on with the same process.
    let client = Client::connect(gear.address(), None);
    assert_eq!(client.add(5), "[5]");
    let mut socket = WebSocket::open(gear.address(), &client.path("websocket"));
    assert_eq!(socket.exchange("2probe"), "3probe");
    assert_eq!(client.hear("6"), "", "what ends the polling");
    socket.say("5");
    socket.say(r#"421["add",2]"#);
    let sum = std::iter::repeat_with(|| socket.hear()).find(|packet| packet.starts_with("431"));
    assert_eq!(sum.unwrap(), "431[7]");
}
