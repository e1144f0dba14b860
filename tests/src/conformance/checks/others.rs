//! What other programs of this package look at closely: a part of it, on the same ways.

use cart_python::interface::Interface;
use cart_test::WebSocket;

use super::super::stage::{connect, read_until};
use super::Stage;
use crate::autobahn::{self, Cases, FEW};
use crate::desync::{self, Front};

pub(super) fn websockets(stage: &Stage) {
    let mut socket = WebSocket::open(stage.address(), "/ws");
    assert_eq!(socket.exchange("one"), "one");
    let long = "x".repeat(100_000);
    assert!(socket.exchange(&long) == long, "a long message did not come back as it was");
    stage.page("/sizes");
    if stage.way.interface() == Interface::Asgi {
        is_told_of_its_client(stage);
    }
}

/// The same as of any request.
fn is_told_of_its_client(stage: &Stage) {
    let handshake = "GET /ws?told HTTP/1.1\r\nHost: shop.example:81\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: 203.0.113.9\r\n\
        X-Forwarded-Proto: https\r\nCookie: a=1\r\nX-Other: 1\r\nCookie: b=2\r\n\r\n";
    let told = read_until(&mut connect(stage.address()), handshake, "user=\n");
    for line in
        ["client=203.0.113.9\n", "scheme=wss\n", "server=shop.example:81\n", "cookie=a=1; b=2\n"]
    {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
}

pub(super) fn desync(stage: &Stage) {
    let mut attacked = desync::Stage::new(&stage.cartridge, stage.way, Front::Ours);
    let mut wrong = Vec::new();
    for attack in desync::few() {
        let outcome = attacked.play(&attack);
        let said = outcome.harm.into_iter().chain(outcome.refused);
        wrong.extend(said.map(|text| format!("{attack}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Whose mistake it is, is said where its author looks.
    let log = attacked.log();
    for words in [
        "GET /attack: the app answered with more than its Content-Length of 5 bytes",
        "GET /attack: the app answered with 77 bytes, but its Content-Length is 1000",
        "1xx is no answer",
    ] {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }
}

pub(super) fn protocol(stage: &Stage) {
    let echo = autobahn::Stage::new(&stage.cartridge, stage.way);
    let only = FEW.iter().map(|&pattern| pattern.to_owned()).collect();
    let verdict = echo.play(&Cases { only, parallel: 4, ..Cases::default() });
    assert!(verdict.played > 60, "only {} cases were played", verdict.played);
    assert!(verdict.failed.is_empty(), "{}", verdict.failed.join("\n"));
}
