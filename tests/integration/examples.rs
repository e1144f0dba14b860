//! The apps of `examples/apps/` that are written for no server and no platform of ours, or for
//! another one: each is served as it lies there, with nothing set but what its README says.

mod socketio;

use cart_test::{TestGear, WebSocket, get};

use crate::cartridge::{SERVER, example, running};

/// The gear of an example whose `/health` answers.
fn served(name: &str) -> TestGear {
    served_with(name, &[])
}

fn served_with(name: &str, variables: &[(&str, &str)]) -> TestGear {
    let gear = running(&example(name), variables);
    assert_eq!(get(gear.address(), "/health").body, "1", "{name}");
    gear
}

fn page(gear: &TestGear, path: &str) -> String {
    let answer = get(gear.address(), path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

#[test]
fn django_with_its_static_files_from_nginx() {
    let gear = served("django");
    assert!(page(&gear, "/").contains(r#"href="/static/first.css""#));
    std::fs::remove_file(gear.cartridge().join("run/appserver.sock")).unwrap();
    assert!(page(&gear, "/static/first.css").contains("sans-serif"));
}

#[test]
fn fastapi_on_uvicorn_because_it_is_asgi() {
    let gear = served("fastapi");
    assert_eq!(page(&gear, "/items/7?q=x"), r#"{"item_id":7,"q":"x"}"#);
    assert!(page(&gear, "/who").contains(r#""address":"127."#));
    let status = gear.control("status").done().text.clone();
    assert!(status.contains("uvicorn"), "{status}");
}

#[test]
fn a_flask_factory_is_called() {
    assert_eq!(page(&served("flask-factory"), "/"), "<h1>Notes</h1>");
}

#[test]
fn a_package_in_src() {
    served("src-layout");
}

#[test]
fn what_uv_locked() {
    assert!(page(&served("uv"), "/").contains(r#""starlette":"0.52.1""#));
}

#[test]
fn what_poetry_locked() {
    assert_eq!(page(&served("poetry"), "/"), r#"{"bottle": "0.13.4"}"#);
}

#[test]
fn what_pipenv_locked() {
    assert_eq!(page(&served("pipenv"), "/"), r#"{"bottle": "0.12.25"}"#);
}

#[test]
fn an_app_from_heroku_with_its_server_and_its_release() {
    let gear = served("heroku-style");
    assert_eq!(page(&gear, "/"), "On sale: apples, pears");
    let status = gear.control("status").done().text.clone();
    assert!(status.contains("gunicorn"), "{status}");
}

#[test]
fn a_room_of_websockets_on_starlette() {
    let gear = served("starlette-websockets");
    assert!(page(&gear, "/").contains("new WebSocket"));
    let mut one = WebSocket::open(gear.address(), "/chat");
    assert_eq!(one.hear(), "1 here");
    let mut other = WebSocket::open(gear.address(), "/chat");
    assert_eq!(other.hear(), "2 here");
    one.say("Is anybody there?");
    assert_eq!(other.hear(), "Is anybody there?");
    other.say("I am.");
    assert_eq!(one.hear(), "I am.");
}

#[test]
fn django_on_gunicorn_with_channels_on_a_second_server() {
    let set = [
        (SERVER, "gunicorn"),
        ("OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION", "mysite.asgi:application"),
    ];
    let gear = served_with("django-channels", &set);
    let status = gear.control("status").done().text.clone();
    assert!(status.contains("Application is running: gunicorn"), "{status}");
    assert!(status.contains("\nBelow /ws: uvicorn\n"), "{status}");
    assert!(page(&gear, "/").contains("/ws/chat/lobby"));
    assert_eq!(get(gear.address(), "/ws/nowhere").status, 404);
    let open = |room| WebSocket::open(gear.address(), &format!("/ws/chat/{room}"));
    let (mut one, mut other, mut elsewhere) = (open("lobby"), open("lobby"), open("cellar"));
    assert_eq!(one.exchange("Good morning"), "Good morning");
    assert_eq!(other.hear(), "Good morning");
    assert_eq!(elsewhere.exchange("Dark here"), "Dark here");
    assert_eq!(other.exchange("You too"), "You too");
    assert_eq!(one.hear(), "You too");
}
