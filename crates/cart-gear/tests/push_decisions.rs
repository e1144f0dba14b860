//! Pushes that git refuses after the hook `pre-receive`, or would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use camino::Utf8PathBuf;
use cart_core::process::{self, ProcessId};
use cart_core::{files, run, wait};
use common::clone::{Clone, names, saying};
use common::gears::{Gears, LIMIT, page};
use rustix::process::Signal;

fn repository(gears: &Gears) -> Utf8PathBuf {
    gears.home("blog").join("git/blog.git")
}

/// Gives git a hook that is called after `pre-receive`, for each ref.
fn update_hook(gears: &Gears, script: &str) {
    let text = format!("#!/bin/sh\ncd '{}'\n{script}\n", gears.place.records);
    let path = repository(gears).join("hooks/update");
    files::write_atomic(&path, text.as_bytes(), 0o755).unwrap();
}

/// Waits until nothing is undecided any more.
#[track_caller]
fn settled(gears: &Gears) {
    let note = gears.home("blog").join(".gear-deploying.json");
    assert!(wait::until(LIMIT, || (!note.exists()).then_some(())).is_some());
}

/// Demands that "good" serves, is the deployment, and is started again.
#[track_caller]
fn is_as_it_was(gears: &Gears, url: &str, kept: &[serde_json::Value]) {
    assert_eq!(page(url), "good");
    assert_eq!(&gears.deployments("blog"), kept);
    gears.gear(&["restart", "blog"]).done();
    assert_eq!((page(url), gears.state("blog")), ("good".to_owned(), "started".to_owned()));
    let kept = names(&gears.home("blog").join("app-deployments"));
    assert_eq!(kept.len(), gears.deployments("blog").len() + 2);
    assert!(!gears.home("blog").join(".gear-push.json").exists());
}

#[test]
fn what_git_would_refuse_is_told_before_anything_is_built() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let kept = gears.deployments("blog");
    let known = gears.place.calls().len();
    let refused = |clone: &Clone, refs: &[&str], reason: &str| {
        let said = clone.refused(refs);
        assert_eq!(saying(&said, "gear: the push is refused, and blog is as it was: ").len(), 1);
        assert!(said.contains(reason), "{said}");
        assert_eq!(gears.place.calls().len(), known, "{reason}");
    };
    clone.page("tagged");
    clone.git(&["tag", "--annotate", "--message", "the first", "v1"]);
    refused(&clone, &["v1:master"], "master would be an annotated tag");
    for object in ["HEAD^{tree}", "HEAD:index.html"] {
        let object = clone.git(&["rev-parse", object]);
        refused(&clone, &[&format!("+{object}:refs/heads/master")], "push what it leads to");
    }

    let lock = repository(&gears).join("refs/heads/master.lock");
    files::write_atomic(&lock, b"", 0o644).unwrap();
    refused(&clone, &["master"], "refs/heads/master.lock': File exists. Remove that file");
    let from = gears.place.app.as_str();
    let said = gears.gear(&["deploy", "blog", "--from", from]).failed(1);
    assert!(said.contains("master cannot be moved: git says cannot lock ref"), "{said}");
    assert_eq!(gears.place.calls().len(), known);
    std::fs::remove_file(&lock).unwrap();

    let config = format!("--git-dir={}", repository(&gears));
    let deny = |value: &str| {
        clone.git(&[&config, "config", "receive.denyNonFastForwards", value]);
    };
    deny("true");
    clone.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    clone.git(&["commit", "--quiet", "--amend", "--message", "other"]);
    refused(&clone, &["+master"], "receive.denyNonFastForwards forbids");
    deny("false");

    clone.page("pushed by nobody");
    clone.page("shallow");
    let shallow = Clone::bare_person(&gears, "shallow");
    let place = shallow.directory.parent().unwrap().to_owned();
    let from = format!("file://{}", clone.directory);
    let to = shallow.directory.as_str();
    let command = shallow.command(&["clone", "--quiet", "--depth", "1", &from, to]);
    run::checked(&command.dir(place), LIMIT).unwrap();
    shallow.git(&["remote", "set-url", "origin", repository(&gears).as_str()]);
    refused(&shallow, &["+master"], "it was pushed from a shallow clone");
    is_as_it_was(&gears, &url, &kept);

    // What git takes is taken.
    clone.git(&[&config, "config", "receive.shallowUpdate", "true"]);
    shallow.push(&["+master"]);
    assert_eq!(page(&url), "shallow");
    clone.git(&[&config, "config", "receive.shallowUpdate", "false"]);
    shallow.page("on top of that");
    shallow.push(&["master"]);
    assert_eq!(page(&url), "on top of that");

    // A branch that cannot be beside another.
    shallow.push(&["master:live/next"]);
    gears.gear(&["configure", "blog", "--deployment-branch", "live"]).done();
    let said = shallow.refused(&["master:live"]);
    assert!(said.contains("'refs/heads/live/next' exists; cannot create"), "{said}");
    assert_eq!(page(&url), "on top of that");
}

#[test]
fn what_git_refuses_after_the_deployment_is_taken_back() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let kept = gears.deployments("blog");
    clone.page("refused");
    update_hook(&gears, "exit 1");
    let said = clone.refused(&["master"]);
    assert!(said.contains("gear: control restart"), "it was deployed: {said}");
    assert!(!said.contains("blog serves"), "{said}");
    settled(&gears);
    is_as_it_was(&gears, &url, &kept);
    let said = clone.refused(&["--atomic", "master", "master:topic"]);
    assert!(!said.contains("blog serves"), "{said}");
    settled(&gears);
    is_as_it_was(&gears, &url, &kept);

    // All or nothing, and another branch is locked.
    update_hook(&gears, "exit 0");
    let lock = repository(&gears).join("refs/heads/topic.lock");
    files::write_atomic(&lock, b"", 0o644).unwrap();
    let said = clone.refused(&["--atomic", "master", "master:topic"]);
    assert!(!said.contains("topic is kept"), "{said}");
    settled(&gears);
    is_as_it_was(&gears, &url, &kept);

    // Of two, the other one is taken: then git says so while the pusher still listens.
    std::fs::remove_file(&lock).unwrap();
    update_hook(&gears, "[ \"$1\" != refs/heads/master ]");
    let output = clone.try_push(&["master", "master:topic"]);
    let said = output.stderr_text();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("git did not make master what it was to be"), "{said}");
    assert!(said.contains("topic is kept and not deployed"), "{said}");
    assert_eq!(page(&url), "good", "at once");
    is_as_it_was(&gears, &url, &kept);

    // Also when nothing but the current deployment is kept, and when the app was stopped.
    gears.gear(&["configure", "blog", "--keep-deployments", "1"]).done();
    gears.gear(&["stop", "blog"]).done();
    clone.refused(&["master"]);
    settled(&gears);
    assert_eq!(gears.state("blog"), "stopped");
    gears.gear(&["start", "blog"]).done();
    assert_eq!(page(&url), "good");

    update_hook(&gears, "exit 0");
    let said = clone.push(&["master"]);
    assert!(said.contains("blog serves"), "{said}");
    assert_eq!(page(&url), "refused");
    assert_eq!(gears.deployments("blog").len(), 1);
}

/// The processes that watch git for this test's gears.
fn watchers(gears: &Gears) -> Vec<ProcessId> {
    let ours = common::mentioning(gears.place.gears.as_str());
    let watchers = common::mentioning("settle-push");
    watchers.into_iter().filter(|pid| ours.contains(pid)).filter_map(ProcessId::of).collect()
}

/// Pushes, and waits until git is about to move the branch; answers git's process, too.
fn push_until_git_decides(gears: &Gears, clone: &Clone) -> (std::process::Child, ProcessId) {
    let waits = gears.place.records.join("waits");
    let _ = std::fs::remove_file(&waits);
    let _ = std::fs::remove_file(gears.place.records.join("go"));
    update_hook(gears, "echo $PPID >is; mv is waits; while [ ! -e go ]; do sleep 0.05; done");
    let push = run::piped(&clone.command(&["push", "origin", "master"])).unwrap();
    let pid = wait::until(LIMIT, || std::fs::read_to_string(&waits).ok()).unwrap();
    (push, ProcessId::of(pid.trim().parse().unwrap()).unwrap())
}

#[test]
fn who_works_on_the_gear_waits_until_git_has_decided() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let app = gears.place.app.as_str();
    for (arguments, expected) in
        [(&["deploy", "blog"][..], "pushed"), (&["deploy", "blog", "--from", app], "A small app")]
    {
        clone.commit(&[("index.html", Some("pushed")), (expected, Some(""))]);
        let (push, _) = push_until_git_decides(&gears, &clone);
        let deploy = gears.start(arguments);
        let works = || (holder(&gears)? == deploy.id()).then_some(());
        assert!(wait::until(LIMIT, works).is_some());
        gears.go();
        for child in [push, deploy] {
            let ended = child.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert!(page(&url).contains(expected), "{}", page(&url));
        clone.git(&["pull", "--quiet", "--no-rebase"]);
    }
}

/// The process that works on the gear, if any does.
fn holder(gears: &Gears) -> Option<u32> {
    let lock = gears.place.gears.join(".locks/blog");
    let holder: serde_json::Value = serde_json::from_slice(&std::fs::read(lock).ok()?).ok()?;
    u32::try_from(holder["process"]["pid"].as_u64()?).ok()
}

#[test]
fn a_git_that_is_killed_before_it_moves_the_branch_has_refused_the_push() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let kept = gears.deployments("blog");
    clone.page("never");
    let killed = |and_who_watches: bool| {
        let (push, git) = push_until_git_decides(&gears, &clone);
        assert_eq!(page(&url), "never");
        let watchers = watchers(&gears);
        assert_eq!(watchers.len(), 1);
        if and_who_watches {
            watchers[0].signal(Signal::KILL);
        }
        git.signal(Signal::KILL);
        assert!(!push.wait_with_output().unwrap().status.success());
        gears.go();
        watchers[0]
    };
    let watcher = killed(false);
    settled(&gears);
    is_as_it_was(&gears, &url, &kept);
    assert!(wait::until(LIMIT, || (!watcher.is_alive()).then_some(())).is_some());

    for next in [&["restart", "blog"][..], &["boot"]] {
        killed(true);
        assert_eq!(page(&url), "never", "nobody is left to take it back");
        let said = gears.gear(next);
        said.done();
        assert_eq!(page(&url), "good");
        settled(&gears);
        is_as_it_was(&gears, &url, &kept);
    }
}

/// Whoever pushes may have closed the terminal by then.
#[test]
fn who_watches_git_is_not_of_the_pushers_session() {
    let gears = Gears::new();
    let (_, clone) = Clone::that_serves(&gears);
    clone.page("better");
    let (push, git) = push_until_git_decides(&gears, &clone);
    let watcher = wait::until(LIMIT, || {
        let watcher = *watchers(&gears).first()?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", watcher.pid)).ok()?;
        let session: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()?;
        (session == watcher.pid).then_some(watcher)
    });
    assert!(watcher.is_some(), "no session of its own");
    assert_ne!(process::parent(watcher.unwrap().pid), Some(git.pid));
    gears.go();
    assert!(push.wait_with_output().unwrap().status.success());
    let ended = || (!watcher.unwrap().is_alive()).then_some(());
    assert!(wait::until(LIMIT, ended).is_some(), "it has nothing to do any more");
}

#[test]
fn a_directory_whose_commit_cannot_become_the_branch_does_not_serve() {
    let gears = Gears::new();
    let (url, _clone) = Clone::that_serves(&gears);
    let kept = gears.deployments("blog");
    gears.gear(&["env", "set", "blog", "BLOCK_AT=control build"]).done();
    let known = gears.place.calls().len();
    let deploy = gears.start(&["deploy", "blog", "--from", gears.place.app.as_str()]);
    gears.called_after(known, "control build");
    let lock = repository(&gears).join("refs/heads/master.lock");
    files::write_atomic(&lock, b"", 0o644).unwrap();
    gears.go();
    let ended = deploy.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("master.lock"), "{said}");
    assert!(said.contains("git did not make master what it was to be"), "{said}");
    is_as_it_was(&gears, &url, &kept);
}
