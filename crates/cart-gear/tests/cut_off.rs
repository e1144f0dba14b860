//! Commands on a gear that are killed or fail in the middle, and those that come after them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::process::Child;

use cart_core::process::ProcessId;
use cart_core::{files, wait};
use common::clone::{Clone, names};
use common::gears::{Gears, LIMIT, page};
use rustix::process::Signal;

/// Sets a variable behind the back of `gear`: each of its commands would put the gear right first.
fn set(gears: &Gears, name: &str, value: &str) {
    let file = gears.home("blog").join(".env/user_vars").join(name);
    files::write_atomic(&file, value.as_bytes(), 0o640).unwrap();
}

fn unset(gears: &Gears, name: &str) {
    std::fs::remove_file(gears.home("blog").join(".env/user_vars").join(name)).unwrap();
}

/// Kills a command when it has come to `call`.
fn killed_at(gears: &Gears, call: &str, args: &[&str]) {
    set(gears, "HANG_AT", call);
    let known = gears.place.calls().len();
    let mut child = gears.start(args);
    gears.called_after(known, call);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    unset(gears, "HANG_AT");
}

fn signal(child: &Child, signal: Signal) {
    ProcessId::of(child.id()).unwrap().signal(signal);
}

/// The calls that a command which recovers the gear brings about, and what it says.
fn recovered(gears: &Gears) -> (Vec<String>, String) {
    let known = gears.place.calls().len();
    let ended = gears.gear(&["env", "set", "blog", "ANY=thing"]);
    ended.done();
    let again = gears.gear(&["env", "set", "blog", "ANY=thing"]);
    again.done();
    assert!(!again.err().contains("cut off"), "{}", again.err());
    (gears.place.calls()[known..].to_vec(), ended.err())
}

#[test]
fn an_app_that_does_not_start_any_more_locks_nobody_out() {
    let gears = Gears::new();
    let (_, clone) = Clone::that_serves(&gears);
    clone.page("better");
    clone.git(&["push", "--quiet", "origin", "master:next"]);
    killed_at(&gears, "control post-deploy", &["deploy", "blog", "next"]);
    set(&gears, "FAIL_AT", "control restart");
    let (calls, said) = recovered(&gears);
    assert_eq!(calls, ["control restart"]);
    for words in ["as they were before", "could not be restarted", "gear restart blog"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let repo = gears.home("blog").join("app-root/runtime/repo/index.html");
    assert_eq!(std::fs::read_to_string(&repo).unwrap(), "good");
    assert_eq!(gears.state("blog"), "started");

    set(&gears, "FAIL_AT", "control deploy");
    let control = gears.home("blog").join("recorder/bin/control");
    let script = std::fs::read_to_string(&control).unwrap();
    let broken = script.replace("start) start ;;", "start) exit 7 ;;");
    assert_ne!(broken, script);
    files::write_atomic(&control, broken.as_bytes(), 0o755).unwrap();
    let said = gears.gear(&["deploy", "blog", "next"]).failed(1);
    assert!(said.contains("could not be started: control start ended with exit code 7"), "{said}");
    let (calls, said) = recovered(&gears);
    assert!(calls.is_empty() && !said.contains("cut off"), "{calls:?} {said}");
    gears.gear(&["stop", "blog"]).done();
}

#[test]
fn an_activation_of_the_current_deployment_that_is_killed_is_taken_back() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let deployments = || gears.deployments("blog");
    let before = deployments();
    let id = before[0]["id"].as_str().unwrap().to_owned();
    killed_at(&gears, "control deploy", &["activate", "blog", &id]);
    assert_eq!(gears.state("blog"), "deploying");
    let (calls, said) = recovered(&gears);
    assert!(said.contains("cut off"), "{said}");
    assert_eq!(calls, ["control start"]);
    assert_eq!((gears.state("blog").as_str(), deployments()), ("started", before));

    killed_at(&gears, "control post-deploy", &["activate", "blog", &id]);
    let (calls, said) = recovered(&gears);
    assert!(calls.is_empty() && !said.contains("cut off"), "{calls:?} {said}");
    assert_eq!(deployments()[0]["activations"].as_array().unwrap().len(), 2);

    // However the gear came to that.
    files::write_atomic(&gears.home("blog").join("app-root/runtime/.state"), b"deploying\n", 0o660)
        .unwrap();
    set(&gears, "FAIL_AT", "control deploy");
    clone.page("broken");
    clone.refused(&["master"]);
    assert_eq!(gears.place.calls().last().map(String::as_str), Some("control start"));
    assert_eq!((gears.state("blog").as_str(), page(&url).as_str()), ("started", "good"));
}

#[test]
fn a_deployment_is_done_although_an_older_one_cannot_be_removed() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let deployments = gears.home("blog").join("app-deployments");
    let oldest = names(&deployments).remove(0);
    files::write_atomic(&deployments.join(&oldest).join("metadata.json"), b"?", 0o644).unwrap();
    clone.page("better");
    let said = clone.push(&["master"]);
    assert!(
        said.contains("Older deployments were not removed") && said.contains(&oldest),
        "{said}"
    );
    assert_eq!(page(&url), "better");

    let current = deployments.join("current").read_link_utf8().unwrap();
    std::fs::remove_dir_all(deployments.join(current)).unwrap();
    set(&gears, "FAIL_AT", "control deploy");
    clone.page("broken");
    clone.refused(&["master"]);
    assert_eq!(page(&url), "better", "although no deployment is current");
    std::fs::remove_file(gears.home("blog").join(".env/user_vars/FAIL_AT")).unwrap();
    clone.push(&["master"]);
}

#[test]
fn a_restore_that_is_killed_leaves_what_was_there_before() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let home = gears.home("blog");
    let data = home.join("app-root/data/page");
    let write = |text: &str| files::write_atomic(&data, text.as_bytes(), 0o640).unwrap();
    let read = || std::fs::read_to_string(&data).unwrap();
    write("then");
    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();
    write("now");
    clone.page("better");
    clone.push(&["master"]);
    let deployments = gears.deployments("blog");
    for (call, again) in [
        ("control pre-restore", &["control start"][..]),
        ("control post-restore", &["control stop", "control start"]),
        ("control deploy", &["control stop", "control start"]),
        // The restored code may serve by then.
        ("control start", &["control stop", "control restart"]),
        ("control post-deploy", &["control stop", "control restart"]),
    ] {
        killed_at(&gears, call, &["restore", "blog", file.as_str()]);
        let (calls, said) = recovered(&gears);
        assert!(said.contains("what was in place before is put back"), "{said}");
        assert_eq!(calls, again, "after {call}");
        assert_eq!((read().as_str(), page(&url).as_str()), ("now", "better"), "after {call}");
        assert_eq!(gears.deployments("blog"), deployments);
        assert!(!home.join(".restore").exists());
    }
    gears.gear(&["restore", "blog", file.as_str()]).done();
    assert_eq!((read().as_str(), page(&url).as_str()), ("then", "good"));
}

#[test]
fn whoever_puts_a_gear_right_may_be_interrupted_and_the_next_command_goes_on() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    clone.page("never");
    let sha = clone.push(&["master:elsewhere"]);
    assert!(!sha.is_empty());
    killed_at(&gears, "control restart", &["deploy", "blog", "elsewhere"]);
    set(&gears, "HANG_AT", "control restart");
    let known = gears.place.calls().len();
    let mut child = gears.start(&["env", "set", "blog", "ANY=thing"]);
    let hangs = || (gears.place.calls().len() > known).then_some(());
    assert!(wait::until(LIMIT, hangs).is_some());
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    unset(&gears, "HANG_AT");
    let (calls, said) = recovered(&gears);
    assert!(said.contains("cut off"), "{said}");
    assert_eq!((calls, page(&url).as_str()), (vec!["control restart".to_owned()], "good"));
}

#[test]
fn what_is_interrupted_while_it_stops_the_app_leaves_it_running() {
    let gears = Gears::new();
    let hook =
        "#!/bin/sh\n[ -e \"$RECORD_TO/hang\" ] || exit 0\n: >\"$RECORD_TO/stopping\"\nsleep 300\n";
    gears.place.action_hook("pre_stop", hook, 0o755);
    let url = gears.create("blog");
    files::write_atomic(&gears.place.records.join("hang"), b"", 0o644).unwrap();
    let before = page(&url);
    let stop_lock = gears.home("blog").join("app-root/runtime/.stop_lock");
    let stopping = gears.place.records.join("stopping");
    for ended_by in [Signal::INT, Signal::KILL] {
        let mut child = gears.start(&["deploy", "blog", "--stop-first"]);
        assert!(wait::until(LIMIT, || stopping.exists().then_some(())).is_some());
        signal(&child, ended_by);
        assert!(!child.wait().unwrap().success());
        std::fs::remove_file(&stopping).unwrap();
        recovered(&gears);
        assert_eq!((gears.state("blog").as_str(), stop_lock.exists()), ("started", false));
        assert_eq!(page(&url), before);
    }
    std::fs::remove_file(gears.place.records.join("hang")).unwrap();
}
