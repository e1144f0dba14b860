//! What people get wrong: a message that names it, an exit code, and nothing lost.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::exit_code::{CONFIGURATION, FAILED, NOT_RUNNING};
use cart_core::{CommandSpec, run};
use cart_test::{TestGear, fake_program, get, try_get};

use crate::cartridge::{SERVER, assembled, empty_gear, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

fn code(code: u8) -> i32 {
    i32::from(code)
}

#[test]
fn a_wrong_server_name_is_refused_at_once_with_the_right_ones() {
    let refused = TestGear::try_new(&assembled(), "3", &[(SERVER, "gunicron")]).unwrap_err();
    for word in [SERVER, "gunicron", "wsgiref, gevent, gunicorn, ", "did you mean `gunicorn`"] {
        assert!(refused.contains(word), "{word:?} is not in: {refused}");
    }
}

#[test]
fn wrong_values_of_variables_leave_the_running_app_alone() {
    let gear = running(&fixture("mirror"), &[]);
    for (name, value) in [
        (SERVER, "gunicron"),
        ("OPENSHIFT_PYTHON_WORKERS", "many"),
        ("OPENSHIFT_PYTHON_WSGI_APPLICATION", "../outside.py"),
        ("OPENSHIFT_PYTHON_PROBE_PATH", "no-slash"),
        ("OPENSHIFT_NGINX_MAX_BODY_SIZE", "big"),
        ("OPENSHIFT_NGINX_READ_TIMEOUT", "-1"),
    ] {
        gear.set(name, value);
        let refused = gear.control("restart");
        refused.failed_saying(&[name, value]);
        assert_eq!(refused.code, code(CONFIGURATION), "{name}");
        assert_eq!(get(gear.address(), "/").body, "mirror", "{name}");
        gear.control("status").done();
        gear.set(name, "");
    }
}

#[test]
fn a_missing_app_is_named_with_the_place_it_was_looked_for() {
    let nothing = tempfile::tempdir().unwrap();
    let mut gear = empty_gear(&[]);
    let refused = gear.deploy(Utf8Path::from_path(nothing.path()).unwrap());
    refused.failed_saying(&["app.py", "OPENSHIFT_PYTHON_WSGI_APPLICATION"]);
    assert_eq!(refused.code, code(CONFIGURATION));
    assert_eq!(gear.control("status").code, code(NOT_RUNNING));
}

#[test]
fn an_app_that_cannot_be_imported_shows_its_traceback_and_the_old_one_serves_on() {
    for server in ["wsgiref", "gevent", "gunicorn", "uvicorn", "hypercorn", "granian"] {
        let gear = running(&fixture("mirror"), &[]);
        gear.set(SERVER, server);
        gear.write("app.py", "import no_such_module\ndef application(*_): pass\n");
        let refused = gear.control("restart");
        refused.failed_saying(&["no_such_module", "app.py", "appserver.log"]);
        assert_eq!(refused.code, code(FAILED), "{server}");
        assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
        gear.control("status").done();
    }
}

#[test]
fn an_app_without_the_callable_or_with_a_failing_page_is_refused() {
    let gear = running(&fixture("mirror"), &[]);
    gear.write("app.py", "app = None\n");
    gear.control("restart").failed_saying(&["application", "app.py"]);
    let failing =
        "def application(environ, start_response):\n    raise ValueError('broken page')\n";
    gear.write("app.py", failing);
    gear.control("restart").failed_saying(&[
        "status 500",
        "broken page",
        "OPENSHIFT_PYTHON_PROBE_PATH",
    ]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn an_app_that_never_comes_back_from_its_import_is_told_where_it_stands() {
    // What can be seen in the code is refused before; here, nobody sees it.
    const SERVES: &str = "getattr(make_server('127.0.0.1', 0, None), 'serve_forever')()";
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_PYTHON_WORKERS", "2")]);
    gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", "10");
    for (server, hangs) in [
        ("wsgiref", SERVES),
        ("uvicorn", SERVES),
        ("granian", SERVES),
        ("gevent", "while True: pass"),
        // While these wait, other greenlets run.
        ("gevent", "socket.create_server(('127.0.0.1', 0)).accept()"),
        ("gunicorn", SERVES),
        // In C, where no Python code runs.
        ("wsgiref", "collections.deque(itertools.repeat(0), maxlen=0)"),
    ] {
        gear.set(SERVER, server);
        let imports = "import collections, itertools, socket\n\
                       from wsgiref.simple_server import make_server\n";
        gear.write("app.py", &format!("{imports}{hangs}\ndef application(*_): pass\n"));
        let refused = gear.control("restart");
        refused.failed_saying(&[
            "within 10 seconds",
            "still being imported",
            "must come to its end",
        ]);
        let reason = refused.text.lines().find(|line| line.contains("does not start")).unwrap();
        assert!(
            reason.contains("/app.py\", line 3") || reason.contains("/app.py, line 3"),
            "{reason}"
        );
        assert_eq!(get(gear.address(), "/").body, "mirror", "{server}: {}", refused.text);
    }
    let plain = "from flask import Flask\napplication = Flask('x')\napplication.run()\n";
    gear.write("app.py", plain);
    gear.control("restart").failed_saying(&["app.py:3 calls application.run() as soon as "]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn a_worker_that_gunicorn_ends_while_it_imports_is_no_exit_of_the_app() {
    let gear = running(&fixture("mirror"), &[(SERVER, "gunicorn")]);
    gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", "5");
    gear.set("GUNICORN_CMD_ARGS", "--timeout=1");
    let hangs = "import time\nwhile True: time.sleep(0.1)\ndef application(*_): pass\n";
    gear.write("app.py", hangs);
    gear.control("restart").failed_saying(&["within 5 seconds"]);
    let log = gear.log("appserver.log");
    assert!(log.contains("app.py is still being imported") && !log.contains("sys.exit"), "{log}");
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn a_first_start_that_fails_leaves_nothing_running() {
    let broken = tempfile::tempdir().unwrap();
    let broken = Utf8Path::from_path(broken.path()).unwrap();
    let failing = b"1 / 0\ndef application(*_): pass\n";
    cart_core::files::write_atomic(&broken.join("app.py"), failing, 0o644).unwrap();
    let mut gear = empty_gear(&[]);
    gear.deploy(broken).failed_saying(&["ZeroDivisionError"]);
    assert_eq!(gear.control("status").code, code(NOT_RUNNING));
    assert!(try_get(gear.address(), "/").is_err());
}

#[test]
fn a_taken_port_is_named_with_its_holder_and_nothing_is_left_running() {
    let mut gear = empty_gear(&[]);
    let _holder = std::net::TcpListener::bind(gear.address()).unwrap();
    let refused = gear.deploy(&fixture("mirror"));
    let me = format!("pid {}", std::process::id());
    refused.failed_saying(&[&gear.address().to_string(), "taken", &me]);
    assert_eq!(gear.control("status").code, code(NOT_RUNNING));
    assert!(!gear.cartridge().join("run/appserver.sock").exists());
}

#[test]
fn missing_requirements_are_named_and_the_old_app_serves_on() {
    let gear = running(&fixture("mirror"), &[]);
    gear.write("requirements.txt", "surely-there-is-no-package-of-this-name==1.2.3\n");
    gear.control("build").failed_saying(&["surely-there-is-no-package-of-this-name"]);
    gear.control("restart").failed_saying(&["surely-there-is-no-package-of-this-name"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn an_unknown_version_of_python_is_refused_by_the_cartridge_itself() {
    let gear = empty_gear(&[]);
    let setup = gear.cartridge().join("bin/setup");
    let env = gear.gear().environment().unwrap();
    let command = CommandSpec::new(setup, &env).args(["--version", "1.5"]);
    let output = run::output(&command, LIMIT).unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert!(output.stderr_text().contains("1.5"), "{}", output.stderr_text());
}

#[test]
fn a_missing_nginx_is_told_with_the_way_to_get_one_and_the_running_one_stays() {
    let gear = running(&fixture("mirror"), &[]);
    let env = gear.gear().environment().unwrap();
    // In a name space of its own, where every nginx of this machine is hidden.
    let script = "set -e; for nginx in $(which -a nginx) /usr/sbin/nginx /usr/local/sbin/nginx; do \
                  [ ! -x $nginx ] || mount --bind /dev/null $nginx; done; exec bin/control restart";
    let own_mounts: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["--mount"],
        false => &["--mount", "--map-root-user"],
    };
    let hidden = CommandSpec::new("/usr/bin/unshare", &env)
        .args(own_mounts.iter().copied())
        .args(["/bin/sh", "-c", script])
        .dir(gear.cartridge());
    let output = run::output(&hidden, LIMIT).unwrap();
    let said = output.stderr_text();
    assert_eq!(output.status.code(), Some(code(FAILED)), "{said}");
    for word in ["CLIENT_ERROR: ", "nginx", "/usr/sbin", "apt-get install"] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn a_cartridge_with_an_nginx_that_is_too_old_takes_the_systems_own() {
    let gear = running(&fixture("mirror"), &[]);
    let usr = gear.cartridge().join("usr");
    let real = usr.canonicalize_utf8().unwrap();
    std::fs::remove_file(&usr).unwrap();
    std::fs::create_dir_all(usr.join("nginx/sbin")).unwrap();
    std::os::unix::fs::symlink(real.join("bin"), usr.join("bin")).unwrap();
    fake_program(&usr.join("nginx/sbin"), "nginx", "echo 'nginx version: nginx/1.4.0' >&2");
    assert!(!gear.control("restart").done().text.contains("1.4.0"));
    assert_eq!(get(gear.address(), "/").body, "mirror");
}
