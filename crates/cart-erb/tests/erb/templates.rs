//! Every template of `tests/corpus`, rendered by both programs.

use std::path::Path;
use std::process::Output;

use crate::support::{ENVIRONMENT, cart_erb, real_erb, run, tests_folder};

/// The line that an error message names: the first number behind the file's name.
fn line_of(file: &str, stderr: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(stderr);
    let name = format!("{file}:");
    let mut places = text.split(&name).skip(1);
    places.find_map(|after| after.split(':').next()?.parse().ok())
}

fn difference(file: &str, ours: &Output, real: &Output) -> Option<String> {
    if ours.status.code() != real.status.code() {
        let stderr = String::from_utf8_lossy(&ours.stderr);
        return Some(format!("status {:?} for {:?}: {stderr}", ours.status, real.status));
    }
    if real.status.success() {
        let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
        return (ours.stdout != real.stdout)
            .then(|| format!("rendered {:?} for {:?}", text(ours), text(real)));
    }
    let lines = [line_of(file, &ours.stderr), line_of(file, &real.stderr)];
    if !ours.stdout.is_empty() {
        return Some("something on standard output".to_owned());
    }
    (lines[0].is_none() || lines[0] != lines[1]).then(|| {
        let messages = [&ours.stderr, &real.stderr].map(|it| String::from_utf8_lossy(it));
        format!("line {:?} for {:?}: {} for {}", lines[0], lines[1], messages[0], messages[1])
    })
}

fn corpus(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn corpus_renders_as_with_a_real_erb() {
    let (ours, real) = (cart_erb(), real_erb());
    let folder = tests_folder().join("corpus");
    let names = corpus(&folder);
    assert!(names.len() >= 100, "the corpus is there");
    let mut differences = Vec::new();
    for name in &names {
        let ours = run(&ours, &["--no-fallback", name], &folder, &ENVIRONMENT);
        let real = run(&real, &[name], &folder, &ENVIRONMENT);
        if let Some(difference) = difference(name, &ours, &real) {
            differences.push(format!("{name}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn corpus_names_say_what_fails() {
    let folder = tests_folder().join("corpus");
    for name in corpus(&folder) {
        let output = run(&cart_erb(), &["--no-fallback", &name], &folder, &ENVIRONMENT);
        let must_fail = ["error_", "syntax_"].iter().any(|start| name.starts_with(start))
            || name.contains("syntax_error");
        let stderr = String::from_utf8_lossy(&output.stderr);
        if must_fail {
            assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
            assert!(output.stdout.is_empty(), "{name}");
            assert!(line_of(&name, &output.stderr).is_some(), "{name}: {stderr}");
            assert_eq!(
                stderr.contains("syntax error"),
                name.contains("syntax_"),
                "{name}: {stderr}"
            );
        } else {
            assert!(output.status.success(), "{name}: {stderr}");
        }
    }
}

#[test]
fn standard_input_is_named_by_a_dash() {
    let render = |program: &Path, args: &[&str]| {
        duct::cmd(program, args)
            .full_env(ENVIRONMENT)
            .stdin_bytes("a\n<%= ENV['A'] + nope %>\n")
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .unwrap()
    };
    let ours = render(&cart_erb(), &["--no-fallback", "-"]);
    let real = render(&real_erb(), &["-"]);
    assert_eq!(difference("-", &ours, &real), None);
    assert_eq!(line_of("-", &ours.stderr), Some(2));
}
