//! The apps of `examples/apps/` that are written for no server and no platform of ours, or for
//! another one: each is served as it lies there, with nothing set.

use cart_test::{TestGear, get};

use crate::cartridge::{example, running};

/// The gear of an example whose `/health` answers.
fn served(name: &str) -> TestGear {
    let gear = running(&example(name), &[]);
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
