//! The client against another's server.

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use tungstenite::Message;

use super::*;

/// Serves as many clients as this, each by a thread, and says to each something of its own before each
/// echo.
fn echo(clients: usize, first: fn() -> Message) -> (SocketAddr, JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        let mut pongs = 0;
        loop {
            match socket.read() {
                Ok(text @ Message::Text(_)) => {
                    let sent = socket.send(first()).and_then(|()| socket.send(text));
                    if sent.is_err() {
                        return pongs;
                    }
                }
                Ok(Message::Pong(_)) => pongs += 1,
                Ok(_) => {}
                Err(_) => return pongs,
            }
        }
    };
    let accept = move || {
        let streams = listener.incoming().take(clients).map(|stream| stream.unwrap());
        let threads: Vec<_> = streams.map(|stream| thread::spawn(move || serve(stream))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    };
    (address, thread::spawn(accept))
}

#[test]
fn what_was_said_comes_back_on_all_and_pings_are_answered() {
    let (address, server) = echo(5, || Message::Ping("who".into()));
    let end = AtomicBool::new(false);
    let (mut sockets, refused) = Sockets::open(address, "/echo", 5, &end);
    let answers = sockets.exchange(Duration::from_millis(50), &end);
    assert!(answers.count >= 5 && answers.errors == 0, "{answers:?}");
    assert!(Duration::ZERO < answers.p50 && answers.p50 <= answers.p99, "{answers:?}");
    // Those that were under way when the time was over.
    assert_eq!(sockets.answering(&end), 5);
    assert_eq!((sockets.count(), refused), (5, 0));
    drop(sockets);
    let pongs = server.join().unwrap();
    assert!(pongs.iter().all(|pongs| *pongs > 0), "{pongs:?}");
}

#[test]
fn another_answer_is_an_error_and_so_is_none() {
    let (address, server) = echo(3, || Message::text("something else"));
    let end = AtomicBool::new(false);
    let (mut sockets, _) = Sockets::open(address, "/echo", 3, &end);
    assert_eq!(sockets.answering(&end), 0);
    assert_eq!((sockets.count(), sockets.exchange(Duration::ZERO, &end).errors), (0, 3));
    drop(sockets);
    server.join().unwrap();
}

#[test]
fn who_is_refused_is_counted() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let end = AtomicBool::new(false);
    let (sockets, refused) = Sockets::open(nobody, "/", 4, &end);
    assert_eq!((sockets.count(), refused), (0, 4));
    let answers = exchange(nobody, "/", Duration::ZERO, &end);
    assert_eq!((answers.count, answers.errors), (0, u64::from(CONNECTIONS)));
}
