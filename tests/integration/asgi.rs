//! An ASGI app behind a worker of gunicorn's that its own file names.

use camino::Utf8Path;
use cart_core::{files, tree};
use cart_test::raw;

use crate::cartridge::{SERVER, empty_gear, fixture};

#[test]
fn an_asgi_worker_that_the_apps_own_file_names_is_told_what_nginx_says() {
    let mut gear = empty_gear(&[(SERVER, "gunicorn")]);
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    tree::copy(&fixture("asgi"), app, |_| false).unwrap();
    let class = "worker_class = 'uvicorn_worker.UvicornH11Worker'\n";
    files::write_atomic(&app.join("gunicorn.conf.py"), class.as_bytes(), 0o644).unwrap();
    gear.deploy(app).done();
    let asked = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: shop.example:81\r\n\
        X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n";
    let answer = raw(gear.address(), asked);
    let said =
        r#"{"scheme": "https", "client": ["203.0.113.9", 0], "server": ["shop.example", 81]"#;
    assert!(answer.contains(said), "{said} is not in {answer}");
}
