use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use cart_core::process::ProcessId;
use cart_core::{files, run};
use rustix::process::Signal;

use super::*;
use crate::environment::installer::Choice;
use crate::testing::Site;

const APP: &str = "import threading\n\
                   def application(environ, start_response):\n\
                   \x20   start_response('200 OK', [('Content-Type', 'text/plain')])\n\
                   \x20   return [b'served by ' + environ['SERVER_SOFTWARE'].encode()]\n";

/// The app of a gear at `site` with these variables set.
fn app(site: &Site, base: GearEnv, variables: &[(&str, &str)]) -> Result<PythonApp, PythonError> {
    let mut env = base
        .with("OPENSHIFT_HOMEDIR", site.path("gear").as_str())
        .with("OPENSHIFT_REPO_DIR", site.repo().as_str())
        .with("OPENSHIFT_TMP_DIR", site.path("gear/tmp").as_str());
    for (name, value) in variables {
        env.set(*name, *value);
    }
    let gear = Gear::from_env(&env).unwrap();
    let dir = CartridgeDir::new(site.path("gear/cart"));
    dir.create_all().unwrap();
    PythonApp::new(&env, &gear, &dir, "3")
}

fn prepare(app: &PythonApp) -> Result<Prepared, String> {
    let decided = app.decide().map_err(|e| e.to_string())?;
    app.prepare(decided, false, &mut |_| ()).map_err(|e| e.to_string())
}

/// Starts what was prepared, asks it once, ends it.
fn answer(site: &Site, prepared: &Prepared) -> String {
    let socket = site.path("socket");
    files::remove_if_exists(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let log = site.path("log");
    let mut child =
        run::service(&prepared.app.command(), vec![listener.into()], &File::create(&log).unwrap())
            .unwrap();
    // The connection waits in the backlog until the server takes it; one that fails to start
    // closes it.
    let mut connection = UnixStream::connect(&socket).unwrap();
    let limit = Some(prepared.app.launch.drain);
    connection.set_read_timeout(limit).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut text = String::new();
    let outcome = connection.write_all(request).and_then(|()| connection.read_to_string(&mut text));
    ProcessId::of(child.id()).unwrap().signal(Signal::TERM);
    child.wait().unwrap();
    let printed = files::last_lines(&log, 0, 30).join("\n");
    assert!(outcome.is_ok(), "{outcome:?}\n{printed}");
    text
}

#[test]
fn an_app_and_its_installation_get_a_utf_8_locale_unless_one_is_set() {
    let site = Site::ready(Choice::Pip);
    site.write(
        "app.py",
        "import subprocess\n\
         def application(environ, start_response):\n\
         \x20   start_response('200 OK', [])\n\
         \x20   return [subprocess.check_output(['locale', 'charmap'])]\n",
    );
    let prepared = prepare(&app(&site, site.env(), &[]).unwrap()).unwrap();
    assert!(answer(&site, &prepared).contains("UTF-8"));
    let chosen = app(&site, site.env(), &[("LC_ALL", "POSIX")]).unwrap();
    assert!(!answer(&site, &prepare(&chosen).unwrap()).contains("UTF-8"));
}

#[test]
fn wsgiref_serves_an_app_with_nothing_else() {
    let site = Site::new(Choice::Pip);
    site.write("app.py", APP);
    let app = app(&site, site.env(), &[]).unwrap();
    assert_eq!(Stamp::read(&app.places.environment), None);
    let prepared = prepare(&app).unwrap();
    let text = answer(&site, &prepared);
    assert!(text.starts_with("HTTP/1.1 200 OK") || text.starts_with("HTTP/1.0 200 OK"), "{text}");
    assert!(text.contains("served by wsgiref"), "{text}");
    let stamp = Stamp::read(&app.places.environment).unwrap();
    assert_eq!(stamp.python.version, prepared.python);
    let workers = prepared.app.workers.as_ref().map(|workers| workers.count);
    assert_eq!((app.server_name().unwrap(), workers), ("wsgiref", Some(1)));
    assert!(prepared.changed && !prepare(&app).unwrap().changed);
}

#[test]
fn gunicorn_comes_from_the_index_in_the_pinned_version_and_serves_a_file() {
    let site = Site::ready(Choice::Pip);
    site.write("wsgi/main.py", APP);
    let variables = [
        ("OPENSHIFT_PYTHON_SERVER", "gunicorn"),
        ("OPENSHIFT_PYTHON_WORKER_CLASS", "gthread"),
        ("OPENSHIFT_PYTHON_WORKERS", "1"),
        ("OPENSHIFT_PYTHON_WSGI_APPLICATION", "wsgi/main.py"),
    ];
    let app = app(&site, GearEnv::from_process(), &variables).unwrap();
    let prepared = prepare(&app).unwrap();
    assert_eq!(prepared.app.workers.as_ref().unwrap().count, 1);
    let text = answer(&site, &prepared);
    assert!(text.contains("served by gunicorn/"), "{text}");
}

#[test]
fn a_factory_in_a_folder_is_called_with_its_arguments_by_every_server() {
    let site = Site::ready(Choice::UvElsePip);
    site.write("src/shop/__init__.py", "");
    site.write(
        "src/shop/web.py",
        "from . import __name__ as package\n\
         def create_app(name, debug=True):\n\
         \x20   if name == 'broken': raise TypeError('of its own')\n\
         \x20   def app(environ, start_response):\n\
         \x20       start_response('200 OK', [])\n\
         \x20       return [('%s %s %s' % (package, name, debug)).encode()]\n\
         \x20   return app\n",
    );
    let answered = |server: &str, call: &str| {
        let named = format!("src/:shop.web:create_app{call}");
        let variables = [
            ("OPENSHIFT_PYTHON_SERVER", server),
            ("OPENSHIFT_PYTHON_WORKER_CLASS", "gthread"),
            ("OPENSHIFT_PYTHON_WORKERS", "1"),
            ("OPENSHIFT_PYTHON_APPLICATION", &named),
        ];
        let app = app(&site, GearEnv::from_process(), &variables).unwrap();
        answer(&site, &prepare(&app).unwrap())
    };
    for server in ["wsgiref", "gunicorn"] {
        let text = answered(server, "(\"it: (live\", debug=False)");
        assert!(text.ends_with("shop it: (live False"), "{server}: {text}");
    }
}

#[test]
fn a_factory_that_is_called_wrongly_is_told_from_one_that_fails() {
    let site = Site::ready(Choice::UvElsePip);
    site.write("app.py", "def create_app(x=1):\n    raise TypeError('of its own')\n");
    let printed = |call: &str| {
        let named = format!("app:create_app{call}");
        let app = app(&site, site.env(), &[("OPENSHIFT_PYTHON_APPLICATION", &named)]).unwrap();
        let prepared = prepare(&app).unwrap();
        let listener = UnixListener::bind(site.path(&named)).unwrap();
        let log = site.path("log");
        let mut child = run::service(
            &prepared.app.command(),
            vec![listener.into()],
            &File::create(&log).unwrap(),
        )
        .unwrap();
        child.wait().unwrap();
        files::last_lines(&log, 0, 30).join("\n")
    };
    let wrongly = printed("(1, 2)");
    assert!(wrongly.contains("create_app(1, 2) in app.py cannot be called like that"), "{wrongly}");
    let failing = printed("()");
    assert!(failing.contains("create_app() in app.py failed: TypeError: of its own"), "{failing}");
    assert!(failing.contains("line 2, in create_app"), "{failing}");
}

#[test]
fn what_decided_is_told_once() {
    let site = Site::ready(Choice::UvElsePip);
    site.write("main.py", "def application(environ, start_response):\n    pass\n");
    let told = || {
        let app = app(&site, site.env(), &[]).unwrap();
        let decided = app.decide().unwrap();
        let mut lines = decided.news();
        app.prepare(decided, false, &mut |_| ()).unwrap();
        lines.retain(|line| line.starts_with("The app is "));
        lines.join("\n")
    };
    assert_eq!(told(), "The app is main:application, a WSGI function: no other file names one");
    assert_eq!(told(), "");
    site.write("main.py", "def app(environ, start_response):\n    pass\n");
    assert_eq!(told(), "The app is main:app, a WSGI function: no other file names one");
}

#[test]
fn uvicorn_comes_from_the_index_and_serves_an_app_that_was_learnt_to_be_asgi() {
    let site = Site::ready(Choice::UvElsePip);
    site.write(
        "app.py",
        "async def answer(scope, receive, send):\n\
         \x20   await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n\
         \x20   await send({'type': 'http.response.body', 'body': b'served by uvicorn'})\n\
         application = {'': answer}['']\n",
    );
    let app = app(&site, GearEnv::from_process(), &[]).unwrap();
    let believed = prepare(&app).unwrap();
    assert_eq!(believed.app.server().name(), "wsgiref");
    std::fs::create_dir_all(app.places.told.parent().unwrap()).unwrap();
    assert!(app.learn(&believed.app.served, Interface::Asgi).unwrap());
    let prepared = prepare(&app).unwrap();
    assert_eq!(
        (prepared.app.server().name(), prepared.app.workers.as_ref().unwrap().count),
        ("uvicorn", 1)
    );
    let text = answer(&site, &prepared);
    assert!(text.contains("served by uvicorn"), "{text}");
    assert!(
        !app.learn(&prepared.app.served, Interface::Asgi).unwrap(),
        "there is nothing else to try"
    );
    let chosen =
        self::app(&site, GearEnv::from_process(), &[("OPENSHIFT_PYTHON_SERVER", "gevent")])
            .unwrap();
    let error = prepare(&chosen).unwrap_err();
    assert!(error.starts_with("gevent runs WSGI apps only"), "{error}");
}

#[test]
fn a_missing_app_is_told_before_anything_is_installed() {
    let site = Site::new(Choice::Pip);
    site.write("requirements.txt", "one\n");
    let error = prepare(&app(&site, site.env(), &[]).unwrap()).unwrap_err();
    assert!(error.starts_with("no app was found in "), "{error}");
    assert!(!site.place().exists());
}

#[test]
fn an_app_may_be_an_installed_package() {
    let site = Site::ready(Choice::Pip);
    site.offer("one", "1.0");
    site.write("requirements.txt", "one\n");
    let named = |value| [("OPENSHIFT_PYTHON_WSGI_APPLICATION", value)];
    let there = app(&site, site.env(), &named("one:main")).unwrap();
    assert_eq!(prepare(&there).unwrap().app.launch.entry_point.to_string(), "one:main");
    let not_there = app(&site, site.env(), &named("two:main")).unwrap();
    let error = prepare(&not_there).unwrap_err();
    assert!(error.contains("names the app two:main, but two.py is missing in "), "{error}");
}

#[test]
fn wrong_settings_and_versions_are_found_at_the_door() {
    let site = Site::new(Choice::Pip);
    let wrong = [("OPENSHIFT_PYTHON_SERVER", "gunicron")];
    let error = app(&site, site.env(), &wrong).unwrap_err();
    assert!(matches!(error, PythonError::Setting(_)), "{error}");
    let env = site.env().with("OPENSHIFT_HOMEDIR", "/g");
    let gear = Gear::from_env(&env).unwrap();
    let dir = CartridgeDir::new("/g/cart".into());
    let error = PythonApp::new(&env, &gear, &dir, "2.7").unwrap_err();
    assert!(matches!(error, PythonError::Interpreter(_)), "{error}");
}
