//! Which server runs an app, with nothing set, by a Procfile, and by a wrong wish.

use camino::Utf8Path;
use cart_core::exit_code::CONFIGURATION;
use cart_test::{TestGear, get, post};

use crate::cartridge::{SERVER, empty_gear, fixture, running};

const APPLICATION: &str = "OPENSHIFT_PYTHON_WSGI_APPLICATION";
const ASGI: &str = "async def application(scope, receive, send):\n\
    \x20   await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n\
    \x20   await send({'type': 'http.response.body', 'body': b'by asgi'})\n";
const WSGI: &str = "def application(environ, start_response):\n\
    \x20   start_response('200 OK', [])\n    return [b'by wsgi']\n";

/// What the code alone does not tell.
fn unclear(app: &str) -> String {
    let app = app.replace("application", "answer");
    format!("{app}application = {{'whichever': answer}}['whichever']\n")
}

/// A gear with an app of these files, and what a restart of it says.
fn deployed(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (TestGear, String) {
    let place = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(place.path()).unwrap();
    for (name, text) in files {
        let path = app.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        cart_core::files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
    }
    let mut gear = empty_gear(variables);
    gear.deploy(app).done();
    let said = gear.control("restart").done().text.clone();
    (gear, said)
}

#[test]
fn an_asgi_app_with_nothing_set_is_served_by_uvicorn_and_that_is_not_found_out_twice() {
    let (gear, said) = deployed(&[("app.py", &unclear(ASGI))], &[]);
    assert!(said.contains("Served by uvicorn, because the app is ASGI"), "{said}");
    assert_eq!(get(gear.address(), "/").body, "by asgi");
    assert!(!said.contains("wsgiref"), "{said}");
    let found_out = gear.log("appserver.log").matches("the app's interface is ASGI").count();
    assert_eq!(found_out, 1, "at the first start only");
    // And back.
    gear.write("app.py", &unclear(WSGI));
    let back = gear.control("restart").done().text.clone();
    for words in ["The app turned out to be WSGI", "Served by wsgiref, because the app is WSGI"] {
        assert!(back.contains(words), "{words} is not in {back}");
    }
    // A GET might meet the old server on a pooled connection.
    assert_eq!(post(gear.address(), "/", b"").body, "by wsgi");
}

#[test]
fn the_server_of_a_procfile_runs_with_its_options() {
    let web = "web: gunicorn mysite.wsgi --workers 2 --timeout 30 --bind 0.0.0.0:$PORT\n";
    let files = [("Procfile", web), ("mysite/wsgi.py", WSGI), ("mysite/__init__.py", "")];
    let (gear, said) = deployed(&files, &[(APPLICATION, "mysite.wsgi:application")]);
    for words in [
        "Served by gunicorn, because line 1 of the Procfile runs gunicorn",
        "taken over: --workers 2, --timeout 30",
        "not used here: --bind 0.0.0.0:$PORT",
        "2 workers: by Procfile:1",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert_eq!(get(gear.address(), "/").body, "by wsgi");
    // A variable goes before it.
    gear.set(SERVER, "wsgiref");
    let said = gear.control("restart").done().text.clone();
    assert!(said.contains("Served by wsgiref, because OPENSHIFT_PYTHON_SERVER says so"), "{said}");
}

#[test]
fn a_procfile_with_uvicorn_or_with_a_server_that_is_not_here_is_followed_as_far_as_it_goes() {
    let files = [("Procfile", "web: uvicorn app:application --workers 2\n"), ("app.py", ASGI)];
    let (gear, said) = deployed(&files, &[]);
    assert!(
        said.contains("Served by uvicorn") && said.contains("2 workers: by Procfile:1"),
        "{said}"
    );
    assert_eq!(get(gear.address(), "/").body, "by asgi");
    gear.write("Procfile", "web: daphne -p $PORT app:application\n");
    let said = gear.control("restart").done().text.clone();
    let words =
        "Served by uvicorn, because daphne of the Procfile, line 1, is not among the servers";
    assert!(said.contains(words), "{said}");
    assert_eq!(get(gear.address(), "/").body, "by asgi");
}

#[test]
fn a_server_that_cannot_run_the_app_is_an_error_with_those_that_can_and_what_ran_still_runs() {
    let gear = running(&fixture("asgi"), &[]);
    let able = ["uvicorn", "OPENSHIFT_PYTHON_WORKER_CLASS=asgi", "uvicorn_worker.UvicornWorker"];
    for server in ["gevent", "gunicorn", "wsgiref"] {
        gear.set(SERVER, server);
        let refused = gear.control("restart");
        refused.failed_saying(&able);
        assert!(refused.text.contains("ASGI"), "{}", refused.text);
        assert_eq!(get(gear.address(), "/").status, 200, "{server}");
    }
    gear.set(SERVER, "uvicorn");
    gear.set("OPENSHIFT_PYTHON_INTERFACE", "wsgi");
    let refused = gear.control("restart");
    refused.failed_saying(&["uvicorn runs ASGI apps only", "wsgiref"]);
    assert_eq!(refused.code, i32::from(CONFIGURATION));
    assert_eq!(get(gear.address(), "/").status, 200);
}

#[test]
fn a_wsgi_app_on_a_server_of_asgi_apps_is_told_so() {
    let gear = running(&fixture("mirror"), &[]);
    gear.set(SERVER, "uvicorn");
    let words = ["apps only, and the app is WSGI", "Set OPENSHIFT_PYTHON_SERVER=wsgiref"];
    gear.control("restart").failed_saying(&words);
    gear.set(SERVER, "gunicorn");
    gear.set("OPENSHIFT_PYTHON_WORKER_CLASS", "asgi");
    gear.control("restart").failed_saying(&words);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn what_may_be_either_is_asked_about_unless_somebody_has_said_it() {
    let gear = running(&fixture("mirror"), &[]);
    let any = "def application(*both):\n    both[1]('200 OK', [])\n    return [b'either']\n";
    gear.write("app.py", any);
    let words = ["may be WSGI or ASGI", "OPENSHIFT_PYTHON_INTERFACE=wsgi"];
    gear.control("restart").failed_saying(&words);
    gear.set("OPENSHIFT_PYTHON_INTERFACE", "wsgi");
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "either");
    gear.set("OPENSHIFT_PYTHON_INTERFACE", "");
    gear.set(SERVER, "wsgiref");
    gear.control("restart").done();
}
