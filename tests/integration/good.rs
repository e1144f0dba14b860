//! The last good generation: what worked last is started when what is wanted does not come up and
//! nothing serves.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code::{CONFIGURATION, FAILED};
use cart_core::files;
use cart_test::{TestGear, get, try_get};
use rustix::process::Signal;
use tests::processes::{Stopped, server, settled, supervisor};

use crate::cartridge::{SERVER, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);
const SERVES: &str = "What worked last was started instead and serves: ";
const BROKEN: &str = "import no_such_module\ndef application(*_): pass\n";

/// An app whose page is `body`, and which shows variables as `mirror` does.
fn app(body: &str) -> String {
    let code = fs::read_to_string(fixture("mirror").join("app.py")).unwrap();
    code.replace("b\"mirror\"", &format!("b\"{body}\""))
}

fn variable(gear: &TestGear, name: &str) -> String {
    get(gear.address(), &format!("/variable?{name}")).body
}

/// The directories with code and with environments that are kept.
fn copies(gear: &TestGear) -> (Vec<Utf8PathBuf>, Vec<Utf8PathBuf>) {
    let entries = gear.cartridge().join("good").read_dir_utf8().unwrap().flatten();
    let copies = entries.filter(|e| e.path().is_dir()).map(|e| e.path().to_owned());
    copies.partition(|path| !path.as_str().contains("virtenv-"))
}

fn copied_app(gear: &TestGear) -> Utf8PathBuf {
    let (code, environments) = copies(gear);
    assert_eq!((code.len(), environments.len()), (1, 1), "{code:?} {environments:?}");
    code[0].join("code/app.py")
}

fn kept_environment(gear: &TestGear) -> Utf8PathBuf {
    let (_, environments) = copies(gear);
    assert_eq!(environments.len(), 1, "{environments:?}");
    environments[0].clone()
}

/// As after a power failure, but for the boot's name.
fn kill_everything(gear: &TestGear) {
    let process = supervisor(gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    let gone = cart_core::wait::until(LIMIT, || {
        let left = gear.gear().processes().alive();
        left.iter().for_each(|process| process.signal(Signal::KILL));
        // One that was just being started is in no list yet.
        (left.is_empty() && try_get(gear.address(), "/").is_err()).then_some(())
    });
    assert!(gone.is_some());
}

#[test]
fn a_full_deploy_that_fails_leaves_the_old_code_serving() {
    for server in ["wsgiref", "gevent", "gunicorn", "uwsgi", "waitress"] {
        let first = tempfile::tempdir().unwrap();
        let first = Utf8Path::from_path(first.path()).unwrap();
        fs::create_dir(first.join("public")).unwrap();
        files::write_atomic(&first.join("public/style.css"), b"old style", 0o644).unwrap();
        files::write_atomic(&first.join("app.py"), app("first").as_bytes(), 0o644).unwrap();
        let mut gear = running(first, &[(SERVER, server)]);
        assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), format!("{}/", gear.repo()));

        let broken = tempfile::tempdir().unwrap();
        let broken = Utf8Path::from_path(broken.path()).unwrap();
        files::write_atomic(&broken.join("app.py"), BROKEN.as_bytes(), 0o644).unwrap();
        let refused = gear.deploy(broken);
        refused.failed_saying(&["no_such_module", "appserver.log", SERVES, server]);
        assert_eq!(refused.code, i32::from(FAILED));
        assert_eq!(get(gear.address(), "/").body, "first", "{server}");
        assert_eq!(get(gear.address(), "/style.css").body, "old style", "{server}");
        let copy = gear.cartridge().join("good/1/code/");
        assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), copy, "{server}");
        let status = gear.control("status");
        assert!(status.done().text.contains("is running"), "{}", status.text);
        assert!(status.text.contains("It is what worked last"), "{}", status.text);
        assert_eq!(gear.control("server").done().text, server);

        let again = gear.control("start");
        again.failed_saying(&["no_such_module", "What ran before still serves"]);
        assert_eq!(get(gear.address(), "/").body, "first", "{server}");

        gear.write("app.py", &app("mended"));
        assert!(gear.control("start").done().text.contains("Application restarted"));
        // For a while nginx may ask the one that was replaced.
        assert!(settled(&gear, LIMIT));
        assert_eq!(get(gear.address(), "/").body, "mended", "{server}");
        assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), format!("{}/", gear.repo()));
        assert!(!gear.control("status").done().text.contains("worked last"));
    }
}

#[test]
fn an_asgi_app_that_fails_leaves_the_old_code_serving() {
    let asgi = |body: &str| {
        format!(
            "import os\nasync def app(scope, receive, send):\n    \
             if scope['type'] != 'http':\n        return\n    \
             text = '{body} ' + os.environ['VIRTUAL_ENV']\n    \
             await send({{'type': 'http.response.start', 'status': 200, 'headers': []}})\n    \
             await send({{'type': 'http.response.body', 'body': text.encode()}})\n"
        )
    };
    for server in ["uvicorn", "hypercorn", "granian"] {
        let app = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(app.path()).unwrap();
        files::write_atomic(&app.join("app.py"), asgi("first").as_bytes(), 0o644).unwrap();
        let mut gear = running(app, &[(SERVER, server)]);
        let broken = asgi("second") + BROKEN;
        files::write_atomic(&app.join("app.py"), broken.as_bytes(), 0o644).unwrap();
        gear.deploy(app).failed_saying(&["no_such_module", SERVES, server]);
        let said = get(gear.address(), "/").body;
        assert!(said.starts_with("first ") && said.contains("/good/"), "{server}: {said}");
    }
}

#[test]
fn a_wrong_variable_at_a_start_is_told_and_the_last_good_one_serves_with_the_old_ones() {
    let gear = running(&fixture("mirror"), &[("GREETING", "good day")]);
    for _ in 0..2 {
        gear.control("stop").done();
        gear.set("GREETING", "never seen");
        gear.set("OPENSHIFT_PYTHON_WORKERS", "many");
        let refused = gear.control("start");
        refused.failed_saying(&["OPENSHIFT_PYTHON_WORKERS", "many", SERVES]);
        assert_eq!(refused.code, i32::from(CONFIGURATION));
        assert_eq!(variable(&gear, "GREETING"), "good day");
    }
    gear.set("OPENSHIFT_PYTHON_WORKERS", "");
    gear.control("start").done();
    assert_eq!(variable(&gear, "GREETING"), "never seen");
}

#[test]
fn packages_that_cannot_be_installed_and_an_environment_that_is_gone() {
    let gear = running(&fixture("mirror"), &[(SERVER, "gevent")]);
    gear.control("stop").done();
    // As a node does for a clean build, before any hook is asked for one.
    let real = gear.cartridge().join("virtenv").canonicalize_utf8().unwrap();
    fs::remove_dir_all(real).unwrap();
    gear.write("requirements.txt", "surely-there-is-no-package-of-this-name==1.2.3\n");
    gear.control("build").failed_saying(&["surely-there-is-no-package-of-this-name"]);
    let refused = gear.control("restart");
    refused.failed_saying(&["surely-there-is-no-package-of-this-name", SERVES, "gevent"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    assert!(variable(&gear, "VIRTUAL_ENV").contains("/good/"));
}

#[test]
fn packages_that_a_build_changed_do_not_come_to_the_last_good_one() {
    let gear = running(&fixture("mirror"), &[(SERVER, "gevent")]);
    gear.control("stop").done();
    gear.write("requirements.txt", "packaging==24.1\ngevent==25.9.1\n");
    gear.write("app.py", BROKEN);
    gear.control("build").done();
    gear.control("start").failed_saying(&["no_such_module", SERVES]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    let installed = |venv: &Utf8Path| {
        cart_python_packages(venv).into_iter().any(|name| name.starts_with("packaging-24.1"))
    };
    assert!(installed(&gear.cartridge().join("virtenv")));
    assert!(!installed(&kept_environment(&gear)));
    gear.write("app.py", &app("with packaging"));
    gear.control("start").done();
    assert!(settled(&gear, LIMIT));
    let (_, environments) = copies(&gear);
    assert!(installed(environments.iter().max().unwrap()));
}

fn cart_python_packages(venv: &Utf8Path) -> Vec<String> {
    let versions = venv.join("lib").read_dir_utf8().unwrap().flatten();
    let site = versions.map(|v| v.path().join("site-packages")).find(|p| p.is_dir()).unwrap();
    site.read_dir_utf8().unwrap().flatten().map(|e| e.file_name().to_owned()).collect()
}

#[test]
fn a_broken_nginx_configuration_at_a_start_is_told_and_the_old_one_is_used() {
    let gear = running(&fixture("mirror"), &[]);
    gear.control("stop").done();
    gear.write("nginx.conf.erb", "server {\n  nonsense;\n}\n");
    let refused = gear.control("start");
    refused.failed_saying(&["nginx.conf.erb:2", "nonsense", SERVES]);
    assert_eq!(refused.code, i32::from(CONFIGURATION));
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("status").done();
    fs::remove_file(gear.repo().join("nginx.conf.erb")).unwrap();
    gear.control("restart").done();
    assert!(!gear.control("status").done().text.contains("worked last"));
}

#[test]
fn a_reboot_with_broken_code_starts_what_worked_last() {
    let gear = running(&fixture("mirror"), &[(SERVER, "gunicorn")]);
    gear.write("app.py", BROKEN);
    gear.control("restart").failed_saying(&["no_such_module", "still serves"]);
    kill_everything(&gear);
    gear.control("start").failed_saying(&["no_such_module", SERVES, "gunicorn"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    kill_everything(&gear);
    gear.control("start").failed_saying(&["no_such_module", SERVES, "gunicorn"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.write("app.py", &app("mended"));
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "mended");
}

#[test]
fn a_server_that_is_killed_after_a_failed_change_comes_back_with_the_old_code() {
    for server in ["wsgiref", "gunicorn"] {
        let gear = running(&fixture("mirror"), &[(SERVER, server)]);
        gear.write("app.py", BROKEN);
        gear.deploy_hot().failed_saying(&["no_such_module", "still serves"]);
        for _ in 0..2 {
            kill_server(&gear);
            assert_eq!(get(gear.address(), "/").body, "mirror", "{server}");
            let copy = gear.cartridge().join("good/1/code/");
            assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), copy, "{server}");
        }
        gear.write("app.py", &app("mended"));
        gear.deploy_hot().done();
        // Else nginx may ask the one that was replaced.
        assert!(settled(&gear, LIMIT));
        kill_server(&gear);
        assert_eq!(get(gear.address(), "/").body, "mended", "{server}");
        assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), format!("{}/", gear.repo()));
    }
}

#[test]
fn a_server_that_is_killed_while_its_successor_is_built_comes_back_with_the_old_code() {
    let gear = running(&fixture("mirror"), &[]);
    gear.control("pre-repo-archive").done();
    gear.write("app.py", BROKEN);
    kill_server(&gear);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

fn kill_server(gear: &TestGear) {
    let process = server(gear);
    process.signal_group(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
}

#[test]
fn a_page_that_fails_does_not_replace_what_worked_last() {
    let gear = running(&fixture("mirror"), &[]);
    gear.control("stop").done();
    gear.write("app.py", "def application(environ, start_response):\n    raise ValueError('x')\n");
    gear.control("start").failed_saying(&["status 500", SERVES]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn code_that_was_never_started_is_not_what_worked_last() {
    let gear = running(&fixture("mirror"), &[]);
    gear.write("app.py", BROKEN);
    assert!(gear.control("start").done().text.contains("running already"));
    gear.control("stop").done();
    gear.control("start").failed_saying(&["no_such_module", SERVES]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

#[test]
fn code_is_copied_only_when_it_changed_and_one_copy_is_kept() {
    let gear = running(&fixture("mirror"), &[]);
    let inode = || fs::metadata(copied_app(&gear)).unwrap().ino();
    let before = inode();
    gear.control("restart").done();
    assert_eq!(inode(), before, "the same code was copied again");
    gear.write("app.py", &app("second"));
    gear.control("restart").done();
    assert!(fs::read_to_string(copied_app(&gear)).unwrap().contains("second"));
}

#[test]
fn an_environment_is_copied_only_when_it_changed_or_names_the_code() {
    let gear = running(&fixture("mirror"), &[]);
    let restart_with = |body: &str| {
        gear.write("app.py", &app(body));
        gear.control("restart").done();
        assert!(fs::read_to_string(copied_app(&gear)).unwrap().contains(body));
        kept_environment(&gear)
    };
    let first = kept_environment(&gear);
    assert_eq!(restart_with("second"), first);
    // As an action hook does with pip.
    let site = |of: &Utf8Path| cart_python::virtualenv::VirtualEnv::at(of).site_packages().unwrap();
    let link = site(&gear.cartridge().join("virtenv")).join("by_hand.pth");
    files::write_atomic(&link, format!("{}/libs\n", gear.repo()).as_bytes(), 0o644).unwrap();
    let third = restart_with("third");
    assert_ne!(third, first);
    let named =
        |environment: &Utf8Path| fs::read_to_string(site(environment).join("by_hand.pth")).unwrap();
    let code = |app: Utf8PathBuf| app.with_file_name("libs\n").into_string();
    assert_eq!(named(&third), code(copied_app(&gear)));
    let fourth = restart_with("fourth");
    assert_ne!(fourth, third);
    assert_eq!(named(&fourth), code(copied_app(&gear)));
}

#[test]
fn copies_stay_until_nobody_runs_from_them() {
    // Longer than two restarts take anywhere: it is stopped, and would be killed after it.
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "300")]);
    gear.control("stop").done();
    gear.write("app.py", BROKEN);
    gear.control("start").failed_saying(&[SERVES]);
    let old = server(&gear);
    let code = gear.cartridge().join("good/1/code/app.py");
    // Told to end after five seconds, it does not hear of it before it goes on.
    let stopped = Stopped::stop(old);
    for body in ["second", "third"] {
        gear.write("app.py", &app(body));
        gear.control("restart").done();
        assert_eq!(get(gear.address(), "/").body, body);
        let kept = code.exists();
        // Looked at last: whoever is there now was there when the file was looked for.
        assert!(old.is_alive(), "it was killed before its time to finish was over");
        assert!(kept, "removed while somebody runs from it, when {body} was started");
    }
    stopped.go_on();
    assert!(old.wait_gone(LIMIT));
    gear.control("restart").done();
    assert!(!code.exists());
}

#[test]
fn what_a_copying_that_was_killed_left_behind_is_no_obstacle() {
    let gear = running(&fixture("mirror"), &[]);
    for leftover in ["good/2/code", "good/virtenv-2", "good/9/code"] {
        let directory = gear.cartridge().join(leftover);
        fs::create_dir_all(&directory).unwrap();
        files::write_atomic(&directory.join("app.py"), BROKEN.as_bytes(), 0o644).unwrap();
    }
    gear.write("app.py", BROKEN);
    gear.control("stop").done();
    gear.control("start").failed_saying(&[SERVES]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    fs::create_dir_all(gear.cartridge().join("good/2/code/half")).unwrap();
    gear.write("app.py", &app("second"));
    gear.control("start").done();
    kill_everything(&gear);
    gear.write("app.py", BROKEN);
    gear.control("start").failed_saying(&[SERVES]);
    assert_eq!(get(gear.address(), "/").body, "second");
    assert!(!copied_app(&gear).with_file_name("half").exists());
}

#[test]
fn what_is_kept_is_for_the_gears_user_only() {
    let gear = running(&fixture("mirror"), &[("PASSWORD", "hunter2")]);
    let good = gear.cartridge().join("good");
    let mode = |path: &Utf8Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let record = good.join("generation.json");
    assert!(fs::read_to_string(&record).unwrap().contains("hunter2"));
    assert_eq!((mode(&good), mode(&record)), (0o700, 0o600));
}

#[test]
fn a_repository_too_large_for_a_copy_serves_itself() {
    let gear = running(&fixture("mirror"), &[]);
    let large = fs::File::create(gear.repo().join("data.bin")).unwrap();
    large.set_len(200 * 1024 * 1024).unwrap();
    gear.control("restart").done();
    assert!(!copied_app(&gear).exists());
    gear.control("stop").done();
    gear.set(SERVER, "gunicron");
    gear.control("start").failed_saying(&["gunicron", SERVES, "too large"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    assert_eq!(variable(&gear, "OPENSHIFT_REPO_DIR"), format!("{}/", gear.repo()));
    let pid = get(gear.address(), "/pid").body;
    gear.set(SERVER, "");
    gear.control("start").done();
    assert_ne!(get(gear.address(), "/pid").body, pid, "the last good one counts as what is wanted");
}
