//! What the doctor says of an app, and that saying it changes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use cart_core::exit_code::CONFIGURATION;
use cart_core::{CommandSpec, GearEnv, files, run, tree};
use cart_test::get;
use serde_json::Value;

use crate::cartridge::{SERVER, assembled, fixture, gear, running};

const LIMIT: Duration = Duration::from_secs(120);

/// An app in a directory, asked about with `gear doctor` in another, which must be empty afterwards.
fn asked(app: &Utf8Path, args: &[&str]) -> (Option<i32>, String, String) {
    let place = tempfile::Builder::new().prefix("d-").tempdir_in("/tmp").unwrap();
    let env = GearEnv::from_process();
    let env = GearEnv::new()
        .with("PATH", env.get("PATH").unwrap())
        .with("TMPDIR", place.path().to_str().unwrap());
    let command = CommandSpec::new(gear(&assembled()), &env)
        .args(["doctor", "--cartridge", assembled().as_str(), app.as_str()])
        .args(args.iter().copied());
    let output = run::output(&command, LIMIT).unwrap();
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "something is left behind");
    (output.status.code(), output.stdout_text(), output.stderr_text())
}

/// Every file of a gear, with what a change of it would change; without what is written all the time.
fn inventory(home: &Utf8Path) -> BTreeMap<String, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in files::list(&folder).unwrap() {
            let metadata = entry.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry);
            } else if !entry.as_str().contains("/logs/") && !entry.ends_with("run/hook.lock") {
                found.insert(entry.into_string(), (metadata.len(), metadata.modified().unwrap()));
            }
        }
    }
    found
}

#[test]
fn all_that_would_be_refused_is_told_at_once_with_its_file_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(dir.path()).unwrap();
    for (file, content) in [
        (".python-version", "3.29\n"),
        ("pyproject.toml", "[project\n"),
        ("nginx.conf.erb", "server {\n  bogus on;\n}\n"),
    ] {
        files::write_atomic(&app.join(file), content.as_bytes(), 0o644).unwrap();
    }
    let wrong = ["--server", "gunicron", "--env", "OPENSHIFT_NGINX_READ_TIMEOUT=never"];
    let (code, told, end) = asked(app, &[&wrong[..], &["--json"]].concat());
    assert_eq!(code, Some(1), "{told}{end}");
    assert!(end.contains("A start would be refused"), "{end}");
    let findings: Vec<Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let refused: Vec<_> = findings.iter().filter(|f| f["verdict"] == "refused").collect();
    let by: Vec<_> = refused
        .iter()
        .map(|f| (f["topic"].as_str(), f["decided_by"].as_str().or(Some(""))))
        .collect();
    let expected = [
        ("settings", SERVER),
        ("settings", "OPENSHIFT_NGINX_READ_TIMEOUT"),
        ("python", ".python-version:1"),
        ("packages", "pyproject.toml:1"),
        ("app", ""),
        ("nginx", "nginx.conf.erb"),
    ];
    assert_eq!(by, expected.map(|(topic, by)| (Some(topic), Some(by))), "{told}");
    let nginx = refused[5]["text"].as_str().unwrap();
    assert!(nginx.starts_with(&format!("{app}/nginx.conf.erb:2: ")), "the copy is named: {nginx}");
}

#[test]
fn a_sound_app_is_told_what_would_be_decided() {
    let dir = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(dir.path()).unwrap();
    tree::copy(&fixture("mirror"), app, |_| false).unwrap();
    // Nothing of the app runs, its hooks neither.
    let hooks = app.join(".openshift/action_hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["pre_doctor", "pre_doctor_advanced-python"] {
        files::write_atomic(&hooks.join(hook), b"#!/bin/sh\nexit 1\n", 0o755).unwrap();
    }
    let (code, told, end) = asked(app, &[]);
    assert_eq!((code, end.as_str()), (Some(0), ""), "{told}");
    for said in ["Python 3.", "app:application", "Served by wsgiref", "public/ is served", "nginx"]
    {
        assert!(told.contains(said), "{said:?} is not in {told}");
    }
    assert!(told.lines().all(|line| line.starts_with("ok ")), "{told}");
}

#[test]
fn what_is_not_taken_over_is_noted_and_so_is_an_app_that_only_a_package_could_bring() {
    let dir = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(dir.path()).unwrap();
    let write = |file: &str, content: &str| {
        files::write_atomic(&app.join(file), content.as_bytes(), 0o644).unwrap();
    };
    write("app.py", "def application(environ, start_response):\n    pass\n");
    write("gunicorn.conf.py", "workers = 2\n");
    write("Procfile", "web: ./start.sh\n");
    write("requirements.txt", "flask\n");
    let (code, told, end) = asked(app, &[]);
    assert_eq!((code, end.as_str()), (Some(0), ""), "{told}");
    for said in ["Line 1 of the Procfile runs start.sh, ", "gunicorn.conf.py is not read, "] {
        assert!(told.contains(said), "{said:?} is not in {told}");
    }
    write("Procfile", "web: gunicorn ap:app\n");
    let (code, told, end) = asked(app, &[]);
    assert_eq!((code, end.as_str()), (Some(0), ""), "{told}");
    let note = "Procfile:1 names ap:app, and there is no ap.py here: unless a package brings it";
    assert!(told.contains(note), "{told}");
    assert!(!told.contains("gunicorn.conf.py is not read"), "{told}");
}

#[test]
fn control_doctor_changes_nothing_on_a_gear_that_runs() {
    let gear = running(&fixture("mirror"), &[]);
    let home = gear.gear().layout().home().to_owned();
    let before = inventory(&home);
    let told = gear.control("doctor");
    assert!(told.done().text.contains("Served by wsgiref"), "{}", told.text);
    assert_eq!(inventory(&home), before);

    gear.set("OPENSHIFT_PYTHON_WORKERS", "many");
    gear.set("OPENSHIFT_PYTHON_PROBE_PATH", "no-slash");
    let before = inventory(&home);
    let refused = gear.control("doctor");
    refused.failed_saying(&["OPENSHIFT_PYTHON_WORKERS", "OPENSHIFT_PYTHON_PROBE_PATH", "2 of the"]);
    assert_eq!(refused.code, i32::from(CONFIGURATION), "{}", refused.text);
    assert_eq!(inventory(&home), before);
    assert_eq!(get(gear.address(), "/").body, "mirror");
}
