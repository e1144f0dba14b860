//! Pushes that meet others, and pushes that are cut off.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use camino::Utf8Path;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, run, wait};
use common::clone::{Clone, names};
use common::gears::{Gears, LIMIT, page};
use rustix::process::Signal;

/// The process that works on the gear, if any does.
fn holder(gears: &Gears) -> Option<ProcessId> {
    let lock = gears.place.gears.join(".locks/blog");
    let holder: serde_json::Value = serde_json::from_slice(&std::fs::read(lock).ok()?).ok()?;
    serde_json::from_value(holder["process"].clone()).ok()
}

#[test]
fn the_second_of_two_pushes_waits_and_learns_that_the_branch_has_moved() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let (one, two) = (Clone::of(&gears, "blog", "one"), Clone::of(&gears, "blog", "two"));
    one.page("one");
    two.page("two");
    gears.gear(&["env", "set", "blog", "BLOCK_AT=control build"]).done();
    let known = gears.place.calls().len();
    let first = run::piped(&one.command(&["push", "origin", "master"])).unwrap();
    gears.called_after(known, "control build");
    let second = run::piped(&two.command(&["push", "origin", "master"])).unwrap();
    let waits = || {
        // Other tests push, too.
        let ours = common::mentioning(gears.place.gears.as_str());
        let pushes = common::mentioning("prereceive").into_iter().filter(|pid| ours.contains(pid));
        (pushes.count() == 2).then_some(())
    };
    assert!(wait::until(LIMIT, waits).is_some());
    gears.go();
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = second.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "{said}");
    assert!(said.contains("was pushed by somebody else") && said.contains("git pull"), "{said}");
    assert_eq!(page(&url), "one");

    two.git(&["pull", "--quiet", "--rebase", "-X", "theirs"]);
    two.push(&["master"]);
    assert_eq!(page(&url), "two");
}

#[test]
fn a_push_that_is_killed_leaves_what_serves_and_the_next_one_works() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let home = gears.home("blog");
    let on_disk = names(&home.join("app-deployments"));
    for (at, calls_back) in [("control build", "none"), ("control deploy", "control start")] {
        gears.gear(&["env", "set", "blog", &format!("HANG_AT={at}")]).done();
        let known = gears.place.calls().len();
        clone.page(&format!("killed at {at}"));
        let push = run::piped(&clone.command(&["push", "origin", "master"])).unwrap();
        gears.called_after(known, at);
        holder(&gears).unwrap().signal(Signal::KILL);
        let ended = push.wait_with_output().unwrap();
        assert!(!ended.status.success(), "git accepted it");
        assert!(!page(&url).is_empty(), "it serves on");

        let known = gears.place.calls().len();
        let said = gears.gear(&["env", "unset", "blog", "HANG_AT"]);
        said.done();
        assert!(said.err().contains("cut off"), "{}", said.err());
        let calls = &gears.place.calls()[known..];
        assert_eq!(calls.first().map_or("none", String::as_str), calls_back);
        assert_eq!(page(&url), "good", "killed at {at}");
        assert_eq!(names(&home.join("app-deployments")), on_disk);
        assert_eq!(gears.state("blog"), "started");
        let served = std::fs::read_to_string(home.join("recorder/run/pid")).unwrap();
        let mut left = common::mentioning(home.as_str());
        left.retain(|pid| pid.to_string() != served.trim());
        let left: Vec<_> = left.into_iter().map(cart_core::process::command_line).collect();
        assert!(left.is_empty(), "the script that hung runs on: {left:?}");
    }
    clone.push(&["master"]);
    assert_eq!(page(&url), "killed at control deploy");
    assert!(!home.join(".gear-deploying.json").exists());
}

#[test]
fn a_pusher_who_goes_away_ends_the_push() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    let before = page(&url);
    gears.gear(&["env", "set", "blog", "HANG_AT=control build"]).done();
    let known = gears.place.calls().len();
    clone.page("never");
    let mut push = run::piped(&clone.command(&["push", "origin", "master"])).unwrap();
    gears.called_after(known, "control build");
    let hook = holder(&gears).unwrap();
    // What changes the refs on the gear's side.
    let git = ProcessId::of(cart_core::process::parent(hook.pid).unwrap()).unwrap();
    git.signal(Signal::KILL);
    assert!(!push.wait().unwrap().success());
    assert!(wait::until(LIMIT, || (!hook.is_alive()).then_some(())).is_some());
    assert_eq!(page(&url), before);
    assert_eq!(gears.state("blog"), "started");
    gears.gear(&["env", "unset", "blog", "HANG_AT"]).done();
    clone.push(&["master"]);
    assert_eq!(page(&url), "never");
}

/// A process that works where the app does, as most servers of apps do.
fn worker(home: &Utf8Path) -> std::process::Child {
    let sleep = CommandSpec::new("/bin/sleep", &GearEnv::new()).arg("300");
    run::piped(&sleep.dir(home.join("app-root/runtime/repo"))).unwrap()
}

/// What a process finds where it works: its directory, and the page.
fn sees(worker: &std::process::Child) -> (std::path::PathBuf, String) {
    let cwd = format!("/proc/{}/cwd", worker.id());
    let page = std::fs::read_to_string(format!("{cwd}/index.html"));
    (std::fs::read_link(&cwd).unwrap(), page.unwrap_or_else(|error| error.to_string()))
}

fn beside(home: &Utf8Path) -> Vec<String> {
    let mut names = names(&home.join("app-root/runtime"));
    names.retain(|name| name.starts_with(".repo"));
    names
}

#[test]
fn who_works_in_the_code_keeps_it_through_a_push_and_has_its_place_again_after_a_failure() {
    let gears = Gears::new();
    gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    clone.page("good");
    clone.push(&["master"]);
    let home = gears.home("blog");
    let place = home.join("app-root/runtime/repo").into_std_path_buf();
    let mut old = worker(&home);
    clone.page("better");
    for call in ["control build", "control deploy", "control restart"] {
        gears.gear(&["env", "set", "blog", &format!("FAIL_AT={call}")]).done();
        clone.refused(&["master"]);
        assert_eq!(sees(&old), (place.clone(), "good".to_owned()), "after {call}");
        assert!(beside(&home).is_empty(), "{:?}", beside(&home));
    }
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    gears.gear(&["env", "set", "blog", "HANG_AT=control build"]).done();
    let known = gears.place.calls().len();
    let push = run::piped(&clone.command(&["push", "origin", "master"])).unwrap();
    gears.called_after(known, "control build");
    assert_eq!(sees(&old).1, "good", "while another is built");
    holder(&gears).unwrap().signal(Signal::KILL);
    push.wait_with_output().unwrap();
    gears.gear(&["env", "unset", "blog", "HANG_AT"]).done();
    assert_eq!(sees(&old), (place.clone(), "good".to_owned()), "after a kill");

    clone.push(&["master"]);
    assert_eq!(sees(&old).1, "good", "until it ends");
    assert_eq!(beside(&home).len(), 1);
    let first = gears.deployments("blog")[1]["id"].as_str().unwrap().to_owned();
    let mut new = worker(&home);
    gears.gear(&["env", "set", "blog", "FAIL_AT=control deploy"]).done();
    gears.gear(&["activate", "blog", &first]).failed(1);
    assert_eq!(sees(&new), (place, "better".to_owned()), "after a roll back that failed");
    assert_eq!(sees(&old).1, "good");
    for worker in [&mut old, &mut new] {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    assert!(beside(&home).is_empty(), "{:?}", beside(&home));
}

#[test]
fn ctrl_c_on_a_local_push_ends_it_and_not_what_puts_back() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    let before = page(&url);
    gears.gear(&["env", "set", "blog", "HANG_AT=control deploy"]).done();
    gears.gear(&["env", "set", "blog", "BLOCK_AT=control start"]).done();
    let known = gears.place.calls().len();
    clone.page("never");
    let mut push = run::piped(&clone.command(&["push", "origin", "master"])).unwrap();
    gears.called_after(known, "control deploy");
    let hook = holder(&gears).unwrap();
    let git = ProcessId::of(cart_core::process::parent(hook.pid).unwrap()).unwrap();
    // As a terminal does: everything from `git push` to the hook is in one process group.
    ProcessId::of(push.id()).unwrap().signal_group(Signal::INT);
    assert!(!push.wait().unwrap().success());
    assert!(wait::until(LIMIT, || (!git.is_alive()).then_some(())).is_some());
    gears.called_after(known, "control start");
    gears.go();
    assert!(wait::until(LIMIT, || (!hook.is_alive()).then_some(())).is_some());
    let home = gears.home("blog");
    assert!(!home.join(".gear-deploying.json").exists(), "nothing was put back");
    assert!(!home.join(".gear-script.json").exists());
    assert_eq!((page(&url), gears.state("blog")), (before, "started".to_owned()));
}

#[test]
fn the_deployment_branch_is_deployed_and_not_a_tag_of_the_same_name() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    clone.git(&["tag", "master"]);
    clone.page("the branch");
    clone.push(&["refs/heads/master", "refs/tags/master"]);
    gears.gear(&["deploy", "blog"]).done();
    assert_eq!(page(&url), "the branch");
    let newest = &gears.deployments("blog")[0];
    assert_eq!(newest["ref"], "master");
}
