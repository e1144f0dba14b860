//! How many workers a server has: what people say, else what the gear bears, by what a worker of this
//! app takes.

use std::time::Duration;

use cart_core::exit_code::CONFIGURATION;
use cart_core::{files, process, wait};
use cart_test::{TestGear, get};
use tests::processes::server;

use crate::cartridge::{SERVER, empty_gear};

const LIMIT: Duration = Duration::from_secs(60);
const WORKERS: &str = "OPENSHIFT_PYTHON_WORKERS";
const CONCURRENCY: &str = "WEB_CONCURRENCY";

/// A WSGI app that takes more memory than most, and says what it was told of workers.
const HEAVY: &str = r#"
import os
BALLAST = bytearray(b"x") * (170 << 20)

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ.get("WEB_CONCURRENCY", "").encode()]
"#;

const BESIDE: &str = r#"
import signal
BALLAST = bytearray(b"x") * (150 << 20)
print("ready")
signal.pause()
"#;

const ASGI: &str = r#"
import os

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": os.environ["WEB_CONCURRENCY"].encode()})
"#;

/// A gear on which files of the app's stand, and nothing runs.
fn gear_with(files: &[(&str, &str)], variables: &[(&str, &str)]) -> TestGear {
    let mut gear = empty_gear(variables);
    let memory = gear.gear().layout().env().join("OPENSHIFT_GEAR_MEMORY_MB");
    files::write_atomic(&memory, b"512", 0o644).unwrap();
    let app = tempfile::tempdir().unwrap();
    let app = camino::Utf8Path::from_path(app.path()).unwrap();
    for (file, content) in files {
        files::write_atomic(&app.join(file), content.as_bytes(), 0o644).unwrap();
    }
    gear.deploy(app).done();
    gear
}

/// Waits until the server has so many workers, and no more than that are coming.
fn workers(gear: &TestGear, count: usize) {
    let there = || (process::children(server(gear).pid).len() == count).then_some(());
    assert!(wait::until(LIMIT, there).is_some(), "{:?}", process::children(server(gear).pid));
}

#[test]
fn the_next_generation_is_sized_by_what_a_worker_of_this_one_takes() {
    let class = ("OPENSHIFT_PYTHON_WORKER_CLASS", "gthread");
    let gear = gear_with(&[("app.py", HEAVY)], &[(SERVER, "gunicorn"), class]);
    let said = gear.control("start").done().text.clone();
    assert!(said.contains("is running already"), "{said}");
    // 2 of them fit, and even one CPU asks for 3.
    let reason = |count: usize| format!("{count} workers: ");
    let first = (3..=7).find(|count| said.contains(&reason(*count)));
    let first = first.unwrap_or_else(|| panic!("{said}"));
    workers(&gear, first);

    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("2 workers: ") && said.contains(" MB measured"), "{said}");
    assert!(said.contains("bounded by memory: (512 - 64) MB / "), "{said}");
    workers(&gear, 2);
    let pid = server(&gear);
    let said = gear.control("start").done().text.clone();
    assert!(said.contains("is running already") && said.contains("2 workers: "), "{said}");
    assert_eq!(server(&gear), pid);
    let told = gear.control("doctor").done().text.clone();
    assert!(told.contains("; 2 workers: ") && told.contains(" MB measured"), "{told}");

    // What runs beside takes its part, as it was seen, too.
    gear.write("Procfile", "worker: python heavy.py\n");
    gear.write("heavy.py", BESIDE);
    gear.control("start").done();
    let ready = || gear.log("worker.1.log").contains("ready").then_some(());
    assert!(wait::until(LIMIT, ready).is_some());
    let said = gear.control("restart").done().text.clone();
    assert!(
        said.contains("1 worker: ") && said.contains("bounded by memory: (512 - 64 - "),
        "{said}"
    );
    gear.write("Procfile", "");
    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("2 workers: "), "{said}");

    // It is kept when the gear is stopped, and may be lost.
    gear.control("stop").done();
    let said = gear.control("start").done().text.clone();
    assert!(said.contains(" MB measured"), "{said}");
    std::fs::remove_file(gear.cartridge().join("run/memory.json")).unwrap();
    gear.control("stop").done();
    let said = gear.control("start").done().text.clone();
    assert!(said.contains(&reason(first)) && !said.contains("measured,"), "{said}");
}

#[test]
fn web_concurrency_counts_once_where_nobody_says_more_and_tells_the_app_the_truth() {
    let conf = "import os\nworkers = int(os.environ[\"WEB_CONCURRENCY\"])\n";
    let files = [("app.py", HEAVY), ("gunicorn.conf.py", conf)];
    let class = ("OPENSHIFT_PYTHON_WORKER_CLASS", "gthread");
    let gear = gear_with(&files, &[(SERVER, "gunicorn"), class, (CONCURRENCY, "2")]);
    workers(&gear, 2);
    assert_eq!(get(gear.address(), "/").body, "2");
    let said = gear.control("start").done().text.clone();
    assert!(said.contains("2 workers: by WEB_CONCURRENCY"), "{said}");
    gear.set(WORKERS, "1");
    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("1 worker: by OPENSHIFT_PYTHON_WORKERS"), "{said}");
    workers(&gear, 1);
    gear.set(CONCURRENCY, "auto");
    let refused = gear.control("restart");
    refused.failed_saying(&["WEB_CONCURRENCY is \"auto\"", "1 to 1000"]);
    assert_eq!(refused.code, i32::from(CONFIGURATION));
    workers(&gear, 1);
}

#[test]
fn web_concurrency_counts_once_on_uvicorn_and_after_the_procfile() {
    let gear = gear_with(&[("main.py", ASGI)], &[(CONCURRENCY, "2")]);
    workers(&gear, 2);
    assert_eq!(get(gear.address(), "/").body, "2");
    gear.write("Procfile", "web: uvicorn main:app --workers 3\n");
    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("3 workers: by Procfile:1"), "{said}");
    workers(&gear, 3);
    // nginx may have a connection to the former one for a while.
    let told = || (get(gear.address(), "/").body == "3").then_some(());
    assert!(wait::until(LIMIT, told).is_some());
}
