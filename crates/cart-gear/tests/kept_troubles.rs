//! Gears that stay, when commands meet, fail, or are killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Child;

use camino::Utf8Path;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, files, run, wait};
use rustix::process::Signal;

use common::gears::{Gears, LIMIT, answer, get};
use common::mentioning;

/// Waits for the end; answers the exit code.
fn end(child: &mut Child) -> Option<i32> {
    let ended = wait::until(LIMIT, || child.try_wait().unwrap());
    ended.expect("gear ended within the limit").code()
}

fn signal(child: &Child, signal: Signal) {
    ProcessId::of(child.id()).unwrap().signal(signal);
}

fn nothing_is_left(gears: &Gears) {
    assert_eq!(gears.place.left_behind(), [".locks"]);
    assert!(!gears.place.gears.join(".locks/blog").exists());
    assert!(mentioning(gears.place.gears.as_str()).is_empty());
}

#[test]
fn two_commands_on_one_gear_wait_for_each_other() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["env", "set", "blog", "BLOCK_AT=control restart"]).done();
    let before = gears.place.calls().len();
    let mut first = gears.start(&["restart", "blog"]);
    gears.called("control restart");
    let busy = format!("`gear restart` (pid {})", first.id());
    assert_eq!(
        gears.json(&["list", "--json"])[0]["busy"],
        busy.as_str(),
        "reading waits for nobody"
    );

    let locked = gears.gear(&["stop", "blog", "--wait", "0"]).failed(6);
    assert!(locked.contains(&busy), "{locked}");
    let mut second = gears.start(&["stop", "blog"]);
    let mut heard = BufReader::new(second.stderr.take().unwrap()).lines();
    let waiting = heard.next().unwrap().unwrap();
    assert_eq!(waiting, format!("gear: waiting for {busy}, which works on blog"));
    assert_eq!(gears.place.calls()[before..], ["control restart"]);
    gears.go();
    assert_eq!((end(&mut first), end(&mut second)), (Some(0), Some(0)));
    assert_eq!(gears.place.calls()[before..], ["control restart", "control stop"]);
}

#[test]
fn who_waits_for_a_gear_that_is_destroyed_is_told_and_leaves_no_lock() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["env", "set", "blog", "BLOCK_AT=teardown"]).done();
    let mut first = gears.start(&["destroy", "blog", "--yes"]);
    gears.called("teardown");
    assert_eq!(gears.json(&["list", "--json"])[0]["state"], "destroying");
    // Not `stop`: that one would see at once that the gear is being destroyed.
    let mut second = gears.start(&["destroy", "blog", "--yes"]);
    let mut heard = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(heard.next().unwrap().unwrap().contains("waiting for `gear destroy`"));
    gears.go();
    assert_eq!((end(&mut first), end(&mut second)), (Some(0), Some(0)));
    nothing_is_left(&gears);
}

#[test]
fn a_creation_that_fails_tells_why_and_leaves_nothing() {
    let gears = Gears::new();
    let record = gears.record_to();
    for (call, words) in [
        ("setup --version 1", "bin/setup ended with exit code 9; the gear was removed"),
        ("install --version 1", "bin/install ended with exit code 9; the gear was removed"),
        ("control start", "control start ended with exit code 9; the gear was removed"),
    ] {
        let fail = format!("FAIL_AT={call}");
        let mut args = gears.create_args("blog", &record);
        args.extend(["--env", &fail]);
        let said = gears.gear(&args).failed(1);
        assert!(
            said.contains(words) && said.contains(&format!("told to fail at {call}")),
            "{said}"
        );
        nothing_is_left(&gears);
    }
    let mut args = gears.create_args("blog", &record);
    args.extend(["--from", "/nonexistent"]);
    let said = gears.gear(&args).failed(1);
    assert!(
        said.contains("/nonexistent is not a directory") && !said.contains("removed"),
        "{said}"
    );
    assert!(!gears.home("blog").exists());
    let mut args = gears.create_args("blog", &record);
    args.extend(["--env", "1A=x"]);
    assert!(gears.gear(&args).failed(2).contains("1A"), "called wrongly, as `env set` would be");
    assert!(!gears.home("blog").exists());
}

#[test]
fn an_interrupted_creation_leaves_nothing() {
    let gears = Gears::new();
    let record = gears.record_to();
    let mut args = gears.create_args("blog", &record);
    args.extend(["--env", "HANG_AT=install --version 1"]);
    let mut creating = gears.start(&args);
    gears.called("install --version 1");
    signal(&creating, Signal::INT);
    assert_eq!(end(&mut creating), Some(130));
    nothing_is_left(&gears);
}

#[test]
fn a_killed_creation_is_listed_as_unfinished_and_destroyed() {
    let gears = Gears::new();
    let record = gears.record_to();
    let mut args = gears.create_args("blog", &record);
    args.extend(["--env", "BLOCK_AT=install --version 1"]);
    let mut creating = gears.start(&args);
    gears.called("install --version 1");
    assert_eq!(gears.state("blog"), "creating");
    signal(&creating, Signal::KILL);
    creating.wait().unwrap();

    assert_eq!(gears.state("blog"), "unfinished");
    assert!(gears.gear(&["list"]).done().contains("unfinished"));
    for refused in [gears.gear(&gears.create_args("blog", &record)), gears.gear(&["start", "blog"])]
    {
        assert!(refused.failed(1).contains("`gear destroy blog`"), "{}", refused.err());
    }
    assert!(!mentioning(gears.place.gears.as_str()).is_empty(), "install still runs");
    gears.gear(&["destroy", "blog", "--yes"]).done();
    nothing_is_left(&gears);
    gears.create("blog");
}

#[test]
fn a_gear_whose_scripts_fail_is_destroyed_all_the_same() {
    let gears = Gears::new();
    let url = gears.create("blog");
    gears.gear(&["env", "set", "blog", "FAIL_AT=control stop"]).done();
    let destroyed = gears.gear(&["destroy", "blog", "--yes"]);
    destroyed.done();
    assert!(destroyed.err().contains("control stop ended with exit code 9"), "{}", destroyed.err());
    assert!(get(&url).is_none());
    nothing_is_left(&gears);
}

#[test]
fn a_start_that_fails_says_why() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["stop", "blog"]).done();
    gears.gear(&["env", "set", "blog", "FAIL_AT=control start"]).done();
    let said = gears.gear(&["start", "blog"]).failed(1);
    assert!(said.contains("told to fail at control start"), "{said}");
    assert!(said.ends_with("gear: control start ended with exit code 9"), "{said}");
}

#[test]
fn a_gear_that_ran_runs_again_when_its_tidying_is_interrupted_or_killed() {
    let gears = Gears::new();
    let url = gears.create("blog");
    for (at, by) in [
        ("control stop", Signal::INT),
        ("control tidy", Signal::INT),
        ("control stop", Signal::KILL),
        ("control tidy", Signal::KILL),
    ] {
        gears.gear(&["env", "set", "blog", &format!("HANG_AT={at}")]).done();
        let known = gears.place.calls().len();
        let mut tidying = gears.start(&["tidy", "blog"]);
        gears.called_after(known, at);
        signal(&tidying, by);
        let code = end(&mut tidying);
        if by == Signal::INT {
            assert_eq!(code, Some(130), "{at}");
        } else {
            let booted = gears.gear(&["boot"]).done();
            assert!(booted.starts_with("blog: started at"), "{at}: {booted}");
        }
        assert_eq!(gears.state("blog"), "started", "{at}");
        answer(&url);
    }
}

#[test]
fn followed_logs_end_with_ctrl_c() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let mut following = gears.start(&["tail", "blog", "--follow", "-n", "0"]);
    let mut heard = BufReader::new(following.stdout.take().unwrap()).lines();
    // Asked until it is heard: when the following begins cannot be seen from here.
    let asked = wait::until(LIMIT, || {
        let _ = get(&format!("{url}seen"));
        std::fs::read_dir(format!("/proc/{}/fd", following.id())).ok()?.find_map(|fd| {
            let to = std::fs::read_link(fd.ok()?.path()).ok()?;
            to.ends_with("web.log").then_some(())
        })
    });
    assert!(asked.is_some());
    let _ = get(&format!("{url}seen"));
    assert!(heard.next().unwrap().unwrap().starts_with("web.log: "));
    signal(&following, Signal::INT);
    assert_eq!(end(&mut following), Some(0));
}

/// As another user where we are root, as ourselves elsewhere.
#[test]
fn a_user_who_is_not_root_has_gears() {
    const NOBODY: u32 = 65534;
    let gears = Gears::new();
    let is_root = rustix::process::geteuid().is_root();
    let program = gears.place.gears.join("../gear-program");
    std::fs::copy(env!("CARGO_BIN_EXE_gear"), &program).unwrap();
    let root = gears.place.gears.parent().unwrap();
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
    if is_root {
        for path in [&gears.place.gears, &gears.place.records] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let env = GearEnv::new()
        .with("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with("GEAR_HOME", gears.place.gears.as_str());
    let switch: &[&str] = if is_root {
        &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    } else {
        &[]
    };
    let gear = |args: &[&str]| {
        let command = CommandSpec::new("/usr/bin/env", &env)
            .args(switch.iter().copied())
            .arg(program.as_str())
            .args(args.iter().copied());
        run::checked(&command, LIMIT).unwrap().stdout_text()
    };
    let record = gears.record_to();
    let said = gear(&gears.create_args("blog", &record));
    let url = said.strip_prefix("blog is at ").unwrap().to_owned();
    assert!(get(&url).unwrap().contains("The template"));
    assert!(gear(&["list"]).contains("started"));
    if is_root {
        let refused = gears.gear(&["stop", "blog"]).failed(1);
        assert!(refused.contains("belongs to the user 65534"), "{refused}");
        gears.gear(&["destroy", "blog", "--yes"]).failed(1);
        let refused = gears.gear(&gears.create_args("roots", &record)).failed(1);
        assert!(refused.contains("belongs to the user 65534"), "{refused}");
        let below = gears.place.gears.join("not/yet");
        let elsewhere = env.clone().with("GEAR_HOME", below.as_str());
        let create = CommandSpec::new(program.as_str(), &elsewhere);
        let create = create.args(gears.create_args("roots", &record));
        let refused = run::output(&create, LIMIT).unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(refused.stderr_text().contains("belongs to the user 65534"));
        let found = CommandSpec::new("/usr/bin/find", &env);
        let found = found.args([gears.place.gears.as_str(), "-user", "0"]);
        assert_eq!(run::checked(&found, LIMIT).unwrap().stdout_text(), "", "root made this");
    }
    gear(&["restart", "blog"]);
    gear(&["destroy", "blog", "--yes"]);
    assert!(get(&url).is_none());
    nothing_is_left(&gears);
}

#[test]
fn what_is_no_gears_home_is_refused() {
    let gears = Gears::new();
    let place = gears.place.gears.join("notes");
    files::create_dir(&place, 0o755).unwrap();
    files::write_atomic(&place.join("mine"), b"", 0o644).unwrap();
    let record = gears.record_to();
    let refused = gears.gear(&gears.create_args("notes", &record)).failed(1);
    assert!(refused.contains("is in the way, and it is no gear"), "{refused}");
    gears.gear(&["destroy", "notes", "--yes"]).failed(2);
    assert!(Utf8Path::new(&place).join("mine").exists());
    std::fs::remove_dir_all(&place).unwrap();
}
