//! What the attacker sends, and what he has the app do.

/// The path of the request that is hidden in a body.
pub const SMUGGLED: &str = "/smuggled";

const UPGRADES: [&str; 4] = ["", "zz", "h2c", "websocket"];
const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
const READINGS: [&str; 4] = ["unread", "half", "length", "end"];
/// Ways to frame an answer: those in the fixture, the right ones first.
const FRAMES: [&str; 20] = [
    "right",
    "right-stream",
    "more",
    "more-late",
    "less",
    "nothing",
    "raise",
    "raise-stream",
    "204",
    "204-length",
    "304",
    "100",
    "101",
    "two-lengths",
    "own-chunks",
    "split",
    "write",
    "list",
    "hijack",
    "accept",
];
const RIGHT: usize = 2;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// The protocol that is asked for; none if empty.
    pub upgrade: &'static str,
    /// The method.
    pub method: &'static str,
    /// Whether there is a body, and how much of it the app reads.
    pub body: Option<&'static str>,
    /// How the app frames its answer.
    pub frame: &'static str,
}

impl Attack {
    /// The request.
    #[must_use]
    pub fn request(&self) -> String {
        let reading = self.body.unwrap_or("unread");
        let mut text = format!(
            "{} /attack?read={reading}&frame={} HTTP/1.1\r\nHost: app\r\n",
            self.method, self.frame
        );
        if !self.upgrade.is_empty() {
            text += &format!("Upgrade: {}\r\nConnection: Upgrade\r\n", self.upgrade);
        }
        if self.upgrade == "websocket" {
            text += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        }
        match self.body {
            Some(_) => {
                let body = self.hidden();
                text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
            }
            None => text + "\r\n",
        }
    }

    /// A whole request, to be taken for one where it is none.
    #[must_use]
    pub fn hidden(&self) -> String {
        format!("GET {SMUGGLED} HTTP/1.1\r\nHost: admin\r\nX-Real-IP: 192.0.2.66\r\n\r\n")
    }

    /// Whether neither he nor the app does anything wrong. A body of HEAD means nothing (RFC 9110,
    /// 9.3.2), and gevent refuses it.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let refusable = self.method == "HEAD" && self.body.is_some();
        FRAMES[..RIGHT].contains(&self.frame) && self.upgrade != "websocket" && !refusable
    }
}

impl std::fmt::Display for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let upgrade = if self.upgrade.is_empty() { "plain" } else { self.upgrade };
        let body = self.body.unwrap_or("none");
        write!(f, "{upgrade} {} body {body} answer {}", self.method, self.frame)
    }
}

/// Every one.
pub fn all() -> impl Iterator<Item = Attack> {
    let bodies = || std::iter::once(None).chain(READINGS.into_iter().map(Some));
    UPGRADES.into_iter().flat_map(move |upgrade| {
        METHODS.into_iter().flat_map(move |method| {
            bodies().flat_map(move |body| {
                FRAMES.into_iter().map(move |frame| Attack { upgrade, method, body, frame })
            })
        })
    })
}

/// Each frame with each method and no body, each kind of upgrade with each kind of body.
pub fn few() -> impl Iterator<Item = Attack> {
    all().filter(|attack| {
        (attack.upgrade.is_empty() && attack.body.is_none())
            || (attack.frame == "right" && attack.body.is_some())
            || (attack.upgrade == "websocket" && attack.method == "GET" && attack.body.is_none())
    })
}
