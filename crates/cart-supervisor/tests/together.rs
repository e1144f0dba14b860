//! Services of one release, which take their places together, and services on several sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use cart_core::wait;
use cart_supervisor::{Change, ClientError, Failure, Listen, ServiceSpec, ServiceState};
use place::{LIMIT, Place};

/// `spec`, as a second service.
fn beside(place: &Place, spec: ServiceSpec) -> ServiceSpec {
    ServiceSpec {
        name: "beside".into(),
        listen: vec![Listen::Unix(place.dir.join("run/beside.sock"))],
        ..spec
    }
}

/// What both answer.
fn both(place: &Place) -> [String; 2] {
    [place.ask(), place.ask_at(&place.dir.join("run/beside.sock"))]
}

#[test]
fn two_take_their_places_together_or_not_at_all() {
    let place = Place::new();
    let client = place.client();
    let answering = |text| (place.answering(text), vec![beside(&place, place.answering(text))]);
    let ensure = |(first, others): (ServiceSpec, Vec<ServiceSpec>), renew| {
        client.ensure_together(first, others, renew)
    };
    assert_eq!(ensure(answering("one"), false).unwrap(), Change::Started);
    assert_eq!(both(&place), ["one", "one"]);
    assert_eq!(ensure(answering("one"), false).unwrap(), Change::Unchanged);
    assert_eq!(ensure(answering("two"), false).unwrap(), Change::Replaced);
    assert_eq!(both(&place), ["two", "two"]);
    let before: Vec<u64> = client.status().unwrap().iter().map(|s| s.generation).collect();

    // The second fails after the first has proved itself, and the other way round.
    let failing = || place.service(&["-c", "raise SystemExit(7)"]);
    let failed = ensure((place.answering("three"), vec![beside(&place, failing())]), false);
    let Err(ClientError::FailedBeside { service, failure: Failure::Ended { status, .. } }) = failed
    else {
        panic!("{failed:?}");
    };
    assert_eq!((service.as_str(), status.as_str()), ("beside", "exit code 7"));
    let failed = ensure((failing(), vec![beside(&place, place.answering("three"))]), false);
    assert!(matches!(failed, Err(ClientError::Failed(Failure::Ended { .. }))), "{failed:?}");
    assert_eq!(both(&place), ["two", "two"]);
    let after: Vec<u64> = client.status().unwrap().iter().map(|s| s.generation).collect();
    assert_eq!(before, after);

    // Also if only one of them differs, both are replaced, or none.
    let failed = ensure((place.answering("two"), vec![beside(&place, failing())]), false);
    assert!(matches!(failed, Err(ClientError::FailedBeside { .. })), "{failed:?}");
    assert_eq!(both(&place), ["two", "two"]);
    let mixed = (place.answering("two"), vec![beside(&place, place.answering("four"))]);
    assert_eq!(ensure(mixed, false).unwrap(), Change::Replaced);
    assert_eq!(both(&place), ["two", "four"]);
    let generations = client.status().unwrap();
    assert!(generations.iter().all(|service| !before.contains(&service.generation)));
}

/// Proves itself, then ends as soon as a file is there.
const ENDS: &str = "
import os, socket, sys, threading, time
def end():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os._exit(9)
threading.Thread(target=end).start()
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')
    c.close()
";

/// Makes the file, then waits until somebody else has ended.
const WAITS: &str = "
import sys, time
open(sys.argv[1], 'w').close()
time.sleep(3600)
";

#[test]
fn one_that_ends_while_it_waits_for_the_other_has_not_proved_itself() {
    let place = Place::new();
    let client = place.client();
    let file = place.dir.join("file");
    let ends = place.service(&["-c", ENDS, file.as_str()]);
    let waits = beside(&place, place.service(&["-c", WAITS, file.as_str()]));
    let failed = client.ensure_together(ends, vec![waits], false);
    let Err(ClientError::Failed(Failure::Ended { status, .. })) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(status, "exit code 9");
    let nothing = || client.status().unwrap().is_empty().then_some(());
    assert!(wait::until(LIMIT, nothing).is_some(), "{:?}", client.status());
}

/// Serves each of its two sockets in a thread, if its argument says so; answers which it is.
const SEVERAL: &str = "
import socket, sys, threading
def serve(number):
    s = socket.socket(fileno=number)
    while True:
        c, _ = s.accept()
        c.recv(65536)
        c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n%d' % number)
        c.close()
for number in sys.argv[1:]:
    threading.Thread(target=serve, args=(int(number),)).start()
";

#[test]
fn a_service_on_several_sockets_must_answer_on_each() {
    let place = Place::new();
    let client = place.client();
    let sockets = [place.socket(), place.dir.join("run/app-2.sock")];
    let on = |numbers: &[&str]| {
        let args: Vec<&str> = ["-c", SEVERAL].into_iter().chain(numbers.iter().copied()).collect();
        let listen = sockets.iter().cloned().map(Listen::Unix).collect();
        ServiceSpec { listen, ..place.service(&args) }
    };
    client.ensure(on(&["3", "4"]), false).unwrap();
    let asked = || sockets.each_ref().map(|socket| place.ask_at(socket));
    assert_eq!(asked(), ["3", "4"]);
    let failed = client.ensure(ServiceSpec { start_limit: 1, ..on(&["3"]) }, false);
    assert!(matches!(failed, Err(ClientError::Failed(Failure::NoAnswer { .. }))), "{failed:?}");
    assert_eq!(asked(), ["3", "4"]);
    // One socket less: what has it is replaced all the same.
    let one = ServiceSpec { listen: vec![Listen::Unix(sockets[0].clone())], ..on(&["3"]) };
    assert_eq!(client.ensure(one, false).unwrap(), Change::Replaced);
    assert_eq!(place.ask(), "3");
    let gone = || (!sockets[1].exists()).then_some(());
    assert!(wait::until(LIMIT, gone).is_some(), "a socket is left on which nobody listens");
    let state = client.status().unwrap()[0].state.clone();
    assert!(matches!(state, ServiceState::Running(_)), "{state:?}");
}
