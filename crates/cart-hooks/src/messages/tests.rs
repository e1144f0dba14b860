//! What people read, as they read it.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use cart_core::GearEnv;
use cart_core::exit_code::{CONFIGURATION, FAILED};
use cart_core::files::FileError;
use cart_python::PythonSettings;
use cart_supervisor::Failure;

use super::*;

fn last_lines() -> Vec<String> {
    ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'flask'"]
        .map(str::to_owned)
        .to_vec()
}

fn app_server(failure: Failure) -> Error {
    let log = Utf8PathBuf::from("/gear/advanced-python/logs/appserver.log");
    let before = match failure {
        Failure::Ended { .. } => Before::Serves,
        _ => Before::Nothing,
    };
    let is_second = false;
    Error::AppServer { server: "gunicorn".to_owned(), failure, is_second, log, before }
}

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

#[test]
fn a_server_that_does_not_come_up() {
    let failures = [
        Failure::Ended { status: "exit code 1".to_owned(), last_lines: last_lines() },
        Failure::NoAnswer { seconds: 60, last_lines: Vec::new() },
        Failure::NoAnswer {
            seconds: 60,
            last_lines: vec![
                "--- end of stacks of process 7 ---".to_owned(),
                "app.py is still being imported; it stands at /gear/repo/app.py, line 5: serve()"
                    .to_owned(),
            ],
        },
        Failure::WrongStatus { path: "/".to_owned(), status: 500, last_lines: last_lines() },
        Failure::NoHttp { last_lines: Vec::new() },
    ];
    let said: Vec<String> = failures.map(|f| explain(&app_server(f))).to_vec();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_a_launcher_says_of_the_app_is_the_reason() {
    let said = "serve_wsgiref.py: app.py could not be imported: KeyError: 'KEY'".to_owned();
    let failure =
        Failure::Ended { status: "exit code 1".to_owned(), last_lines: vec!["x".into(), said] };
    let text = explain(&app_server(failure));
    let first = text.lines().next().unwrap();
    assert!(first.ends_with(": app.py could not be imported: KeyError: 'KEY'"), "{text}");
}

#[test]
fn an_nginx_that_does_not_come_up() {
    let holder = Some("`python3 -m http.server` (pid 4711)".to_owned());
    let failures = [
        Failure::AddressTaken { address: address(), holder },
        Failure::AddressTaken { address: address(), holder: None },
        Failure::NoAnswer { seconds: 30, last_lines: Vec::new() },
        Failure::Ended { status: "exit code 1".to_owned(), last_lines: vec!["[emerg] no".into()] },
    ];
    let said: Vec<String> =
        failures.map(|failure| explain(&Error::NginxService { failure })).to_vec();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn an_address_that_others_reach() {
    insta::assert_snapshot!(believes_neighbours(SocketAddr::from(([0, 0, 0, 0], 8080))));
}

#[test]
fn an_nginx_that_writes_no_json() {
    insta::assert_snapshot!(access_log_stays_text(&semver::Version::new(1, 10, 3)));
}

#[test]
fn a_mistyped_server_is_the_persons_to_mend() {
    let env = GearEnv::new().with("OPENSHIFT_PYTHON_SERVER", "gunicron");
    let error = Error::Setting(PythonSettings::from_env(&env).unwrap_err());
    assert_eq!(error.exit_code(), CONFIGURATION);
    insta::assert_snapshot!(explain(&error));
}

#[test]
fn a_server_that_crashes_is_not_a_wrong_setting() {
    assert_eq!(app_server(Failure::NoHttp { last_lines: Vec::new() }).exit_code(), FAILED);
}

#[test]
fn a_last_good_generation_that_serves_or_does_not() {
    let date = "2026-11-22T18:40:00Z".to_owned();
    let failure = || Failure::Ended { status: "exit code 1".to_owned(), last_lines: last_lines() };
    let error = || {
        let log = Utf8PathBuf::from("/gear/advanced-python/logs/appserver.log");
        let server = "gunicorn".to_owned();
        let (is_second, before) = (false, Before::Nothing);
        Error::AppServer { server, failure: failure(), is_second, log, before }
    };
    let serves = |has_code| Error::LastGoodServes {
        error: Box::new(error()),
        server: "wsgiref".to_owned(),
        date: date.clone(),
        has_code,
    };
    let failed = Error::LastGoodFailed {
        error: Box::new(error()),
        server: "wsgiref".to_owned(),
        date: date.clone(),
        also: Box::new(Error::NginxService { failure: failure() }),
    };
    let disk_full =
        FileError::new("copy", "/gear/repo/app.py".into(), io::ErrorKind::StorageFull.into());
    let said = [
        explain(&serves(true)),
        explain(&serves(false)),
        explain(&failed),
        is_last_good(Some(&date)),
        is_last_good(None),
        not_kept(&disk_full),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn the_exit_code_is_that_of_what_is_wrong_whatever_serves_instead() {
    let env = GearEnv::new().with("OPENSHIFT_PYTHON_SERVER", "gunicron");
    let wrong = Error::Setting(PythonSettings::from_env(&env).unwrap_err());
    let serves = Error::LastGoodServes {
        error: Box::new(wrong),
        server: "wsgiref".to_owned(),
        date: String::new(),
        has_code: true,
    };
    assert_eq!(serves.exit_code(), CONFIGURATION);
}

#[test]
fn what_status_says() {
    let version = semver::Version::new(3, 12, 1);
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let log = "logs/appserver.log";
    let said = [
        running("gunicorn", Some(&version), "nginx 1.22.1"),
        NOT_RUNNING.to_owned(),
        not_answering(address(), "/", &Ok(Some(Verdict::WrongStatus(502))), log),
        not_answering(address(), "/", &Ok(Some(Verdict::NoHttp)), log),
        not_answering(address(), "/", &Ok(None), log),
        not_answering(address(), "/", &Err(refused), log),
        backing_off(APPSERVER, "signal 9"),
        gave_up(APPSERVER, "exit code 1", log),
        gave_up(NGINX, "exit code 1", "logs/nginx-error.log"),
        missing_service(NGINX),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_a_threaddump_says() {
    let process =
        |pid, command: &str, answer| ProcessStacks { pid, command: command.to_owned(), answer };
    let stack = "Main thread (most recent call last):\n    File \"app.py\", line 3, in wait";
    let dump = "Thread 0x7f (most recent call first):\n  File \"app.py\", line 9 in spin";
    let said = stacks(
        "gunicorn",
        &[
            process(10, "gunicorn: master", Answer::Shown(stack.to_owned())),
            process(11, "gunicorn: worker", Answer::Dumped(dump.to_owned())),
            process(12, "gunicorn: worker", Answer::Silent),
            process(13, "gunicorn: worker", Answer::TooLate),
            process(14, "sleep 600", Answer::NotAsked),
        ],
        "logs/appserver.log",
    );
    insta::assert_snapshot!(said);
}

#[test]
fn what_update_and_upgrade_say() {
    let (old, new) = ("nginx 1.22.1 (/usr/sbin/nginx)", "nginx 1.28.3 (/c/usr/nginx/sbin/nginx)");
    let said = [
        nginx_when_started(new),
        nginx_is_current(old),
        nginx_is_another(old, new),
        nginx_was_replaced(new),
        upgraded(&Upgrade::new("3", "0.1.0", "0.2.0"), true),
        upgraded(&Upgrade::new("3", "0.1.0", "0.2.0"), false),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_does_not_run_has_a_code_of_its_own() {
    let error = Error::NotRunning { reason: NOT_RUNNING.to_owned() };
    assert_eq!(error.exit_code(), cart_core::exit_code::NOT_RUNNING);
    assert_eq!(explain(&error), NOT_RUNNING);
}

#[test]
fn every_version_of_the_manifest_is_one_that_is_served() {
    let manifest = include_str!("../../../../cartridge/metadata/manifest.yml");
    let versions = manifest.lines().find_map(|line| line.strip_prefix("Versions: [")).unwrap();
    for version in versions.trim_end_matches(']').split(',') {
        let version = version.trim().trim_matches('\'');
        assert!(cart_python::interpreter::Wanted::of_software(version).is_ok(), "{version}");
    }
}

#[test]
fn a_release_that_fails() {
    let failures = [
        (None, RunError::TimedOut { command: "/bin/sh".to_owned(), seconds: 3000 }),
        (
            Some("no such table: blog_post"),
            RunError::Failed {
                command: "/bin/sh".to_owned(),
                status: "exit code 1".to_owned(),
                last_lines: Vec::new(),
            },
        ),
    ];
    let said = failures.map(|(last, error)| {
        let command = "python manage.py migrate".to_owned();
        let line = Process { name: "release".to_owned(), command, line: 2 };
        let last = last.map(str::to_owned);
        explain(&Error::Release { line, last, error: Box::new(error) })
    });
    insta::assert_snapshot!(said.join("\n\n"));
}
