//! What only some servers do.

use camino::Utf8Path;
use cart_test::{Load, Rate, WebSocket};

use crate::cartridge::{SERVER, example, fixture, running};

#[test]
fn a_message_of_the_app_and_a_pong_of_another_thread_do_not_mix() {
    let gear = running(&example("websocket-echo"), &[]);
    // As an app has it that leaves the order to simple-websocket.
    let app = std::fs::read_to_string(example("websocket-echo").join("app.py")).unwrap();
    assert!(app.contains("EchoServer.accept("));
    gear.write("app.py", &app.replace("EchoServer.accept(", "Server.accept("));
    let longest = "y".repeat(1024 * 1024);
    // uvicorn's sockets are not the app's.
    for server in ["wsgiref", "gevent", "gunicorn"] {
        gear.set(SERVER, server);
        gear.control("restart").done();
        let mut socket = WebSocket::open(gear.address(), "/echo");
        for _ in 0..20 {
            assert!(socket.exchange_beside_a_ping(&longest) == longest, "{server}");
        }
    }
}

#[test]
fn the_welcome_apps_own_websocket_needs_no_package() {
    let gear = running(&example("welcome"), &[]);
    assert_eq!(WebSocket::open(gear.address(), "/ws").exchange("hello"), "hello");
}

#[test]
fn workers_that_an_old_gunicorn_replaces_after_so_many_requests_lose_none() {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    for file in [fixture("sequence").join("app.py"), example("welcome").join("echo_socket.py")] {
        std::fs::copy(&file, app.join(file.file_name().unwrap())).unwrap();
    }
    for (file, text) in
        [("requirements.txt", "gunicorn==23.0.0\n"), ("gunicorn.conf.py", "max_requests = 25\n")]
    {
        cart_core::files::write_atomic(&app.join(file), text.as_bytes(), 0o644).unwrap();
    }
    let variables = [(SERVER, "gunicorn"), ("OPENSHIFT_PYTHON_WORKER_CLASS", "gthread")];
    let gear = running(app, &variables);
    let load = Load::start(gear.address(), Rate::Full);
    let enough = cart_core::wait::until(std::time::Duration::from_secs(60), || {
        (load.answered() > 1500).then_some(())
    });
    let tally = load.finish();
    assert!(enough.is_some(), "{} answers only", tally.answered);
    assert_eq!(tally.lost(), 0, "{}", tally.losses());
}
