//! What cart-erb refuses goes to a real `erb`, unless it must not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{ENVIRONMENT, cart_erb, run, write};

const BACKTICKS: &str = "a\n<%= `printf hi` %>\n";

fn folder_with(template: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("t.erb"), template);
    folder
}

fn program(path: &Path, script: &str) {
    write(path, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn environment(path: &str) -> Vec<(&str, &str)> {
    let others = ENVIRONMENT.into_iter().filter(|(name, _)| *name != "PATH");
    others.chain([("PATH", path)]).collect()
}

#[test]
fn no_fallback_refuses_with_file_line_and_construct() {
    let folder = folder_with(BACKTICKS);
    let output = run(&cart_erb(), &["--no-fallback", "t.erb"], folder.path(), &ENVIRONMENT);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr.starts_with("t.erb:2: not evaluated in process: backticks;"), "{stderr}");
}

#[test]
fn without_any_erb_the_refusal_stands() {
    let folder = folder_with(BACKTICKS);
    let empty = tempfile::tempdir().unwrap();
    let env = environment(empty.path().to_str().unwrap());
    let output = run(&cart_erb(), &["t.erb"], folder.path(), &env);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("t.erb:2: not evaluated in process: backticks;"), "{stderr}");
}

#[test]
fn oo_erb_is_preferred_and_gets_the_file_only() {
    let folder = folder_with(BACKTICKS);
    let bin = tempfile::tempdir().unwrap();
    program(&bin.path().join("oo-erb"), r#"echo "oo-erb $*""#);
    program(&bin.path().join("erb"), r#"echo "erb $*""#);
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let output = run(&cart_erb(), &["t.erb"], folder.path(), &environment(&path));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "oo-erb t.erb\n");
}

#[test]
fn a_delegate_that_fails_leaves_standard_output_empty() {
    let folder = folder_with(BACKTICKS);
    let bin = tempfile::tempdir().unwrap();
    program(&bin.path().join("erb"), "echo half; echo t.erb:2: bad >&2; exit 3");
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let output = run(&cart_erb(), &["t.erb"], folder.path(), &environment(&path));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "t.erb:2: bad\n");
}

#[test]
fn an_error_in_the_template_is_not_delegated() {
    let folder = folder_with("<%= nope %>");
    let bin = tempfile::tempdir().unwrap();
    program(&bin.path().join("erb"), "echo delegated");
    let path = bin.path().to_str().unwrap().to_owned();
    let output = run(&cart_erb(), &["t.erb"], folder.path(), &environment(&path));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_endless_template_is_given_up_and_not_delegated() {
    let folder = folder_with("a\n<% loop do %>x<% end %>");
    let output = run(&cart_erb(), &["t.erb"], folder.path(), &ENVIRONMENT);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let limit = "t.erb:2: gave up: rendering makes more than 134217728 bytes ";
    assert!(stderr.starts_with(limit), "{stderr}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&cart_erb(), &["none.erb"], folder.path(), &ENVIRONMENT);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("none.erb: cannot be read: "), "{stderr}");
}

#[test]
fn standard_input_is_named_by_a_dash() {
    let output = duct::cmd(cart_erb(), ["--no-fallback", "-"])
        .full_env(ENVIRONMENT)
        .stdin_bytes("a\n<%= ENV['A'] + nope %>\n")
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr.starts_with("-:2: undefined local variable"), "{stderr}");
}
