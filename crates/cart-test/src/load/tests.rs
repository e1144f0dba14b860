use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(20);

/// A server that reads one request per connection and lets `answer` say what to do with it.
fn server(answer: fn(&mut TcpStream, &str)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes).unwrap();
            answer(&mut stream, &String::from_utf8_lossy(&bytes[..count]));
        }
    });
    address
}

fn right_answer(request: &str) -> String {
    if request.starts_with("POST") {
        return format!("POST {}", request.rsplit("\r\n").next().unwrap());
    }
    let path = request.split(' ').nth(1).unwrap();
    format!("GET {}", path.trim_start_matches("/sequence/").trim_end_matches("?slow"))
}

fn say(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
}

/// The tally of a load that goes on until it is `done`.
fn tally(address: SocketAddr, done: impl Fn(&Tally) -> bool) -> Tally {
    let load = Load::start(address, Rate::PerSecond(200));
    let there = cart_core::wait::until(LIMIT, || {
        let so_far = load.shared.counter().tally.clone();
        done(&so_far).then_some(())
    });
    assert!(there.is_some(), "{:?}", load.finish());
    load.finish()
}

#[test]
fn right_answers_are_counted_by_their_numbers() {
    let address = server(|stream, request| say(stream, 200, &right_answer(request)));
    let tally = tally(address, |t| t.answered > 100);
    assert_eq!((tally.lost(), tally.answered), (0, tally.sent), "{}", tally.losses());
    assert!(tally.longest_wait > Duration::ZERO && tally.longest_gap > Duration::ZERO);
}

#[test]
fn every_kind_of_loss_is_one() {
    for (answer, expected) in [
        ((|stream, _| say(stream, 502, "bad")) as fn(&mut TcpStream, &str), "status 502"),
        (|stream, _| say(stream, 200, "GET 0"), "wrong answer"),
        (|_, _| (), "closed without an answer"),
        (
            |stream, _| stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nG").unwrap(),
            "broken off",
        ),
    ] {
        let tally = tally(server(answer), |t| t.lost() > 10 && t.lost_gets() > 5);
        assert_eq!((tally.answered, tally.lost()), (0, tally.sent), "{}", tally.losses());
        assert!(tally.losses().contains(expected), "{}", tally.losses());
    }
}

#[test]
fn nobody_listening_is_a_loss_of_everything() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tally = tally(address, |t| t.lost() > 10);
    assert!(tally.losses().contains("refused"), "{}", tally.losses());
}
