//! The program `gear doctor`, with the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::time::Duration;

use cart_core::{CommandSpec, GearEnv, files, run};

use common::{Place, path};

const LIMIT: Duration = Duration::from_secs(60);

/// Its exit code, standard output and standard error; nothing is left of its gear.
fn doctor(place: &Place, args: &[&str]) -> (Option<i32>, String, String) {
    let env = GearEnv::new().with("PATH", path()).with("TMPDIR", place.gears.as_str());
    let record = format!("RECORD_TO={}", place.records);
    let command = CommandSpec::new(env!("CARGO_BIN_EXE_gear"), &env)
        .args(["doctor", place.app.as_str(), "--cartridge", place.cartridge.as_str()])
        .args(["--env", &record])
        .args(args.iter().copied());
    let output = run::output(&command, LIMIT).unwrap();
    assert_eq!(files::list(&place.gears).unwrap().len(), 0, "a gear is left behind");
    (output.status.code(), output.stdout_text(), output.stderr_text())
}

#[test]
fn a_cartridge_without_a_doctor_is_named_and_none_of_its_other_scripts_runs() {
    let place = Place::new();
    let (code, out, err) = doctor(&place, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("says nothing to `control doctor`: it has no doctor"), "{err}");
    assert_eq!(place.calls(), ["control doctor"]);
}

#[test]
fn what_a_doctor_finds_is_the_answer_and_its_refusal_the_end() {
    let place = Place::new();
    let script = "#!/bin/sh\n\
                  echo \"CLIENT_RESULT: ${2:-no argument}: ${OPENSHIFT_REPO_DIR}index.html\"\n\
                  echo noise\n\
                  echo 'CLIENT_ERROR: it would be refused' >&2\n\
                  exit 5\n";
    files::write_atomic(&place.cartridge.join("bin/control"), script.as_bytes(), 0o755).unwrap();
    let (code, out, err) = doctor(&place, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(out, format!("no argument: {}/index.html", place.app), "the copy is named");
    assert_eq!(err, "gear: it would be refused");
    let (_, out, _) = doctor(&place, &["--json"]);
    assert!(out.starts_with("--json: "), "{out}");
}

#[test]
fn an_app_that_is_not_there_is_named() {
    let place = Place::new();
    std::fs::remove_dir_all(&place.app).unwrap();
    let (code, _, err) = doctor(&place, &[]);
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("{} is not a directory", place.app)), "{err}");
}
