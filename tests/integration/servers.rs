//! Every server serves, holds WebSockets, and can be switched to.

use camino::Utf8Path;
use cart_test::{Load, Rate, WebSocket, get, post};

use tests::desync::by_name;

use crate::cartridge::{SERVER, example, fixture, running};
use crate::limits::switch;

#[test]
fn each_server_serves_and_is_switched_to_while_the_app_runs() {
    let gear = running(&fixture("mirror"), &[]);
    for server in tests::lost::SERVERS.into_iter().rev() {
        switch(&gear, by_name(server).unwrap());
        assert_eq!(gear.control("server").done().text, server);
        assert!(gear.control("status").done().text.contains(server));
        assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
        assert_eq!(post(gear.address(), "/echo", b"hello").body, "hello", "{server}");
        let seen = get(gear.address(), "/request").body;
        assert!(seen.contains("REMOTE_ADDR=127.0.0.1\n"), "{server}: {seen}");
    }
}

#[test]
fn websockets_pass_through_nginx_to_servers_of_wsgi_apps() {
    let gear = running(&example("websocket-echo"), &[(SERVER, "gevent")]);
    for server in ["gevent", "gunicorn", "wsgiref", "cheroot", "uwsgi"] {
        gear.set(SERVER, server);
        gear.control("restart").done();
        let mut socket = WebSocket::open(gear.address(), "/echo");
        assert_eq!(socket.exchange("one"), "one", "{server}");
        let long = "x".repeat(100_000);
        assert_eq!(socket.exchange(&long), long, "{server}");
        assert_eq!(get(gear.address(), "/health").body, "1", "{server}");
    }
}

#[test]
fn a_message_of_the_app_and_a_pong_of_another_thread_do_not_mix() {
    let gear = running(&example("websocket-echo"), &[]);
    // As an app has it that leaves the order to simple-websocket.
    let app = std::fs::read_to_string(example("websocket-echo").join("app.py")).unwrap();
    assert!(app.contains("EchoServer.accept("));
    gear.write("app.py", &app.replace("EchoServer.accept(", "Server.accept("));
    let longest = "y".repeat(1024 * 1024);
    // uvicorn's sockets are not the app's.
    for server in ["wsgiref", "gevent", "gunicorn", "cheroot", "uwsgi"] {
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
fn gunicorn_has_as_many_workers_as_were_asked_for() {
    let variables = [(SERVER, "gunicorn"), ("OPENSHIFT_PYTHON_WORKERS", "2")];
    let gear = running(&fixture("mirror"), &variables);
    let worker: u32 = get(gear.address(), "/pid").body.parse().unwrap();
    let master = cart_core::process::parent(worker).unwrap();
    // It answers as soon as the first one is there.
    let all = cart_core::wait::until(std::time::Duration::from_secs(60), || {
        (cart_core::process::children(master).len() == 2).then_some(())
    });
    assert!(all.is_some());
}

#[test]
fn each_server_of_wsgi_apps_has_the_workers_that_were_asked_for_and_outlives_an_exit_in_a_request()
{
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_PYTHON_WORKERS", "2")]);
    for server in ["wsgiref", "gevent", "waitress", "cheroot", "tornado", "uwsgi"] {
        switch(&gear, by_name(server).unwrap());
        let worker: u32 = get(gear.address(), "/pid").body.parse().unwrap();
        let main = cart_core::process::parent(worker).unwrap();
        let all = cart_core::wait::until(std::time::Duration::from_secs(60), || {
            (cart_core::process::children(main).len() == 2).then_some(())
        });
        assert!(all.is_some(), "{server}: {:?}", cart_core::process::children(main));
        // More than it has threads.
        for _ in 0..40 {
            assert_eq!(get(gear.address(), "/exit").status, 500, "{server}");
        }
        assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
    }
    assert!(gear.log("appserver.log").contains("AppExit: the app called sys.exit('leaving')"));
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
