//! The program `gear manifest`, with the recording cartridge. Whether a cluster takes what it prints is
//! tested with the schemas of Kubernetes, in the project's integration tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::time::Duration;

use cart_core::{CommandSpec, GearEnv, files, run};

use common::{Place, path};

const LIMIT: Duration = Duration::from_secs(60);
const IMAGE: [&str; 2] = ["--image", "registry.example.org/blog:1.2"];

/// Has the cartridge answer this to `control container`.
fn answering(place: &Place, says: &str) {
    let script = format!("#!/bin/sh\n[ \"$1\" = container ] || exit 9\n{says}\n");
    files::write_atomic(&place.cartridge.join("bin/control"), script.as_bytes(), 0o755).unwrap();
}

const FACTS: &str = r#"echo "CLIENT_RESULT: {\"live\": \"/live\", \"ready\": \"/ready\", \
\"metrics\": ${FIGURES:-null}, \"start_seconds\": 60, \"end_seconds\": 35, \"release\": null}""#;

/// Its exit code, standard output and standard error; nothing is left of its gear.
fn manifest(place: &Place, args: &[&str]) -> (Option<i32>, String, String) {
    let env = GearEnv::new()
        .with("PATH", path())
        .with("TMPDIR", place.gears.as_str())
        .with("OPENSHIFT_PYTHON_WORKERS", "17");
    let record = format!("RECORD_TO={}", place.records);
    let command = CommandSpec::new(env!("CARGO_BIN_EXE_gear"), &env)
        .args(["manifest", place.app.as_str(), "--cartridge", place.cartridge.as_str()])
        .args(["--env", &record])
        .args(args.iter().copied());
    let output = run::output(&command, LIMIT).unwrap();
    assert_eq!(files::list(&place.gears).unwrap().len(), 0, "a gear is left behind");
    (output.status.code(), output.stdout_text(), output.stderr_text())
}

fn with_image<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&IMAGE[..], args].concat()
}

#[test]
fn what_is_wrong_with_the_call_is_named_and_ends_with_2() {
    let place = Place::new();
    for (args, words) in [
        (vec![], "--image <REF>"),
        (vec!["--image", "Blog"], "'Blog' for '--image <REF>': this is no reference of an image"),
        (with_image(&["--host", "http://a/"]), "for '--host <HOST>': this is no name in DNS"),
        (with_image(&["--name", "Blog"]), "for '--name <NAME>': a name is a DNS label"),
        (with_image(&["--secret", "A_B"]), "for '--secret <NAME>': this is no name in DNS"),
        (with_image(&["--memory", "much"]), "for '--memory <SIZE>': a size is a whole number"),
        (with_image(&["--cpu", "0"]), "for '--cpu <CPUS>': CPUs are a number"),
        (with_image(&["--replicas", "0"]), "--replicas <N>"),
        (with_image(&["--prometheus", "here"]), "--prometheus <URL>"),
        (with_image(&["--prometheus", "http://here"]), "--keda"),
        (with_image(&["--ingress"]), "--host <HOST>"),
        (with_image(&["--ingress", "--host", "a.b", "--route"]), "cannot be used with"),
        (with_image(&["--helm", "a", "--kustomize", "b"]), "cannot be used with"),
        (with_image(&["--env", "A-B=c"]), "\"A-B\" cannot be a variable"),
        (with_image(&["--replicas", "3", "--max-replicas", "2"]), "--max-replicas"),
        (with_image(&["--data", "1Gi", "--replicas", "2"]), "a volume for data is one pod's"),
        (with_image(&["--data", "1Gi", "--max-replicas", "2"]), "a volume for data is one pod's"),
        (with_image(&["--data", "1Gi", "--keda"]), "a volume for data is one pod's"),
        (with_image(&["--data", "much"]), "for '--data <SIZE>': a size is a whole number"),
        (with_image(&["--env-file", "/nowhere"]), "'/nowhere' for '--env-file <FILE>': it cannot"),
        (with_image(&["--env", "PORT=80"]), "leave PORT out"),
        (with_image(&["--keda"]), "names no path for them"),
    ] {
        let (code, out, err) = manifest(&place, &args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    assert!(!place.calls().iter().any(|call| call != "control container"), "{:?}", place.calls());
}

#[test]
fn a_directory_of_numbers_wants_a_name() {
    let mut place = Place::new();
    let numbers = place.app.with_file_name("2048");
    std::fs::rename(&place.app, &numbers).unwrap();
    place.app = numbers;
    let (code, _, err) = manifest(&place, &IMAGE);
    assert_eq!(code, Some(2));
    assert!(err.contains("--name"), "{err}");
    let (code, out, err) = manifest(&place, &with_image(&["--name", "game"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\n  name: game\n"), "{out}");
}

#[test]
fn the_cartridge_tells_the_facts_and_the_callers_environment_stays_out() {
    let place = Place::new();
    answering(&place, FACTS);
    let (code, out, err) = manifest(&place, &with_image(&["--env", "FIGURES=\"/metrics\""]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for line in ["path: /live", "path: /ready", "prometheus.io/path: /metrics"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("terminationGracePeriodSeconds: 45"), "{out}");
    assert!(out.contains("name: Recorder_busy"), "{out}");
    assert!(!out.contains("OPENSHIFT_PYTHON_WORKERS"), "{out}");

    let (code, out, err) = manifest(&place, &with_image(&["--server", "gevent"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("OPENSHIFT_PYTHON_SERVER: gevent"), "{out}");
    assert!(err.contains("There is no autoscaler"), "{err}");
}

#[test]
fn a_cartridge_that_does_not_know_the_question_is_told_of() {
    let place = Place::new();
    let (code, out, err) = manifest(&place, &IMAGE);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("says nothing to `control container`"), "{err}");
    assert!(out.contains("tcpSocket:"), "{out}");
    assert_eq!(place.calls(), ["control container"]);
}

#[test]
fn a_refusal_is_the_cartridges_and_an_answer_that_is_none_is_named() {
    let place = Place::new();
    answering(&place, "echo 'CLIENT_ERROR: SERVER=gunicron is none' >&2; exit 5");
    let (code, out, err) = manifest(&place, &IMAGE);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, "gear: SERVER=gunicron is none");
    for (says, words) in [
        ("echo 'CLIENT_RESULT: yes'", "cannot be used: expected value"),
        ("echo 'CLIENT_RESULT: {\"live\": \"/live\"}'", "missing field `ready`"),
        (
            "echo 'CLIENT_RESULT: {\"live\": \"live\", \"ready\": \"/r\", \"metrics\": null,\
             \"start_seconds\": 1, \"end_seconds\": 1, \"release\": null}'",
            "\"live\" is no path",
        ),
    ] {
        answering(&place, says);
        let (code, out, err) = manifest(&place, &IMAGE);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("`control container` cannot be used") && err.contains(words), "{err}");
    }
}

#[test]
fn files_of_variables_are_read_in_order_and_options_beat_them() {
    let place = Place::new();
    answering(&place, FACTS);
    let [first, second] = ["first.env", "second.env"].map(|name| place.app.with_file_name(name));
    let text = b"# of the app\nA=1\nB='1'\n\nOPENSHIFT_PYTHON_SERVER=gevent\nC=1\n";
    files::write_atomic(&first, text, 0o600).unwrap();
    files::write_atomic(&second, b"A=2\nAPI_KEY=s3cret\n", 0o600).unwrap();
    let more = ["--env", "C=3", "--server", "gunicorn", "--data", "1Gi"];
    let all = ["--env-file", first.as_str(), "--env-file", second.as_str()];
    let (code, out, err) = manifest(&place, &with_image(&[&all[..], &more[..]].concat()));
    assert_eq!(code, Some(0), "{err}");
    let server = "  OPENSHIFT_PYTHON_SERVER: gunicorn\n";
    for line in ["  A: \"2\"\n", "  B: \"'1'\"\n", "  C: \"3\"\n", server, "  API_KEY: s3cret\n"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("kind: PersistentVolumeClaim\n"), "{out}");
    assert!(err.contains("The Secret holds API_KEY") && err.contains("There is one pod"), "{err}");

    files::write_atomic(&second, b"A=2\nexport API_KEY=s3cret\n", 0o600).unwrap();
    let (code, out, err) = manifest(&place, &with_image(&all));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("line 2 is not NAME=VALUE") && !err.contains("s3cret"), "{err}");
}

#[test]
fn a_directory_is_made_and_one_with_something_in_it_is_left_alone() {
    let place = Place::new();
    answering(&place, FACTS);
    let directory = place.app.with_file_name("made");
    let secret = ["--env", "API_KEY=s3cret"];
    for (form, file) in [("--kustomize", "base/secret.yaml"), ("--helm", "values.yaml")] {
        let args = with_image(&[&[form, directory.as_str()], &secret[..]].concat());
        let (code, out, err) = manifest(&place, &args);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        assert!(err.contains("The Secret holds API_KEY"), "{err}");
        let text = std::fs::read_to_string(directory.join(file)).unwrap();
        assert!(text.contains("API_KEY: s3cret"), "{text}");
        let (code, _, err) = manifest(&place, &args);
        assert_eq!(code, Some(2));
        assert!(err.contains("is there already, and not an empty directory"), "{err}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
