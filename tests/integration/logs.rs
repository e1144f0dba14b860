//! Logs are bounded, and nothing of them is lost.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{files, process, wait};
use cart_test::{TestGear, get};

use tests::processes::{nginx, server, settled, supervisor};

use crate::cartridge::{empty_gear, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

/// An app that prints what it is asked for.
const PRINTING: &str = "
def application(environ, start_response):
    print(environ['PATH_INFO'], flush=True)
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']
";

fn printing(gear: &TestGear) {
    gear.write("app.py", PRINTING);
    gear.control("restart").done();
    // The server that was replaced prints nothing.
    assert!(settled(gear, LIMIT));
    assert_eq!(get(gear.address(), "/").body, "ok");
}

/// All that a log and those that were moved on hold, the oldest first: read between two moves, for
/// what is moved on meanwhile would be in none or in two of them.
fn whole(log: &Utf8Path) -> String {
    let read = || {
        let before = parts(log);
        let texts =
            before.iter().map(|(file, _)| std::fs::read_to_string(file).unwrap_or_default());
        let text: String = texts.collect();
        (parts(log) == before).then_some(text)
    };
    wait::until(LIMIT, read).unwrap()
}

/// A log and those that were moved on, the oldest first, with the inode of each.
fn parts(log: &Utf8Path) -> Vec<(Utf8PathBuf, Option<u64>)> {
    let numbered = |n: usize| Utf8PathBuf::from(format!("{log}.{n}"));
    let count = (1..).take_while(|n| numbered(*n).exists()).count();
    let files = (1..=count).rev().map(numbered).chain([log.to_owned()]);
    files.map(|file| (file.clone(), file.metadata().ok().map(|m| m.ino()))).collect()
}

fn holds(log: &Utf8Path, text: &str) -> bool {
    wait::until(LIMIT, || whole(log).contains(text).then_some(())).is_some()
}

#[test]
fn nginxs_logs_are_moved_on_while_it_serves_and_no_line_is_lost() {
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_NGINX_LOG_SIZE", "64k")]);
    let log = gear.cartridge().join("logs/nginx-access.log");
    let master = nginx(&gear);
    let mut asked = 0;
    let moved = wait::until(LIMIT, || {
        for _ in 0..100 {
            asked += 1;
            let _ = get(gear.address(), &format!("/number-{asked}-{}", "x".repeat(200)));
        }
        Utf8PathBuf::from(format!("{log}.2")).exists().then_some(())
    });
    assert!(moved.is_some());
    asked += 1;
    let _ = get(gear.address(), &format!("/number-{asked}-last"));
    assert!(holds(&log, "-last"));
    let text = whole(&log);
    for number in 1..=asked {
        let times = text.matches(&format!("/number-{number}-")).count();
        assert_eq!(times, 1, "line {number} of {asked}");
    }
    assert_eq!(nginx(&gear), master);
    for entry in gear.cartridge().join("logs").read_dir_utf8().unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o033, 0, "{}", entry.path());
    }
    gear.control("tidy").done();
    assert!(!Utf8PathBuf::from(format!("{log}.1")).exists());
    let _ = get(gear.address(), "/after-tidy");
    assert!(holds(&log, "/after-tidy"));
}

#[test]
fn the_apps_log_is_bounded_and_another_limit_replaces_no_server() {
    let gear = running(&fixture("mirror"), &[]);
    printing(&gear);
    let serving = server(&gear);
    gear.set("OPENSHIFT_PYTHON_LOG_SIZE", "64k");
    gear.set("OPENSHIFT_PYTHON_LOG_FILES", "2");
    gear.control("start").done();
    let log = gear.cartridge().join("logs/appserver.log");
    let long = "x".repeat(4000);
    for number in 0..40 {
        assert_eq!(get(gear.address(), &format!("/{number}/{long}")).body, "ok");
    }
    assert!(holds(&log, "/39/"));
    assert_eq!(server(&gear), serving);
    assert!(Utf8PathBuf::from(format!("{log}.1")).exists());
    assert!(!Utf8PathBuf::from(format!("{log}.2")).exists());
    gear.control("tidy").done();
    assert!(!Utf8PathBuf::from(format!("{log}.1")).exists());
    let _ = get(gear.address(), "/after-tidy");
    assert!(holds(&log, "/after-tidy"));
}

/// A gear with a logshifter, which is in the directory.
fn with_logshifter() -> (tempfile::TempDir, TestGear) {
    let programs = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(programs.path()).unwrap();
    let script = "#!/bin/sh\nexec cat >>\"$OPENSHIFT_LOG_DIR/$2.log\"\n";
    files::write_atomic(&directory.join("logshifter"), script.as_bytes(), 0o755).unwrap();
    let gear = empty_gear(&[]);
    // As another cartridge would put it on the gear's PATH.
    let element = gear.gear().layout().env().join("OPENSHIFT_OTHER_PATH_ELEMENT");
    files::write_atomic(&element, directory.as_str().as_bytes(), 0o644).unwrap();
    gear.write("app.py", PRINTING);
    (programs, gear)
}

#[test]
fn what_runs_beside_the_server_has_logshifter_write_a_log_of_its_own() {
    let (_programs, gear) = with_logshifter();
    gear.write("Procfile", "worker: echo beside it; exec sleep 1000\n");
    gear.control("start").done();
    let log = gear.gear().layout().logs().join("advanced_python_worker_1.log");
    assert!(holds(&log, "beside it"), "{}", gear.log("supervisor.log"));
    let moved = Utf8PathBuf::from(format!("{log}-20261126010203"));
    files::write_atomic(&moved, b"text", 0o644).unwrap();
    gear.control("tidy").done();
    assert!(!moved.exists());
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
}

#[test]
fn where_a_node_has_logshifter_it_writes_the_apps_log_and_messages_name_it() {
    let (_programs, gear) = with_logshifter();
    gear.control("start").done();
    let _ = get(gear.address(), "/said");
    let log = gear.gear().layout().logs().join("advanced_python.log");
    assert!(holds(&log, "/said"), "{}", gear.log("supervisor.log"));
    assert!(!gear.cartridge().join("logs/appserver.log").exists());
    let broken = "raise SystemExit('broken for logshifter')\ndef application(*_): pass\n";
    gear.write("app.py", broken);
    gear.control("restart").failed_saying(&["broken for logshifter", log.as_str()]);
    let said = gear.control("threaddump").done().text.clone();
    assert!(said.contains(log.as_str()) && !said.contains("appserver.log"), "{said}");
    // As logshifter names those that it has moved on.
    let moved = Utf8PathBuf::from(format!("{log}-20261126010203"));
    let (others, beside) = (format!("{log}-notes"), gear.gear().layout().logs().join("other.log"));
    for file in [moved.as_str(), &others, beside.as_str()] {
        files::write_atomic(file.into(), b"text", 0o644).unwrap();
    }
    gear.control("tidy").done();
    assert!(!moved.exists() && Utf8Path::new(&others).exists() && beside.exists());
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    // Whoever kills it gets another one.
    let writer = || {
        let children = process::children(supervisor(&gear).pid).into_iter();
        let is_writer = |pid: &u32| process::command_line(*pid).is_some_and(|words| words == "cat");
        children.filter(is_writer).filter_map(process::ProcessId::of).next()
    };
    let first = writer().unwrap();
    first.signal(rustix::process::Signal::KILL);
    assert!(wait::until(LIMIT, || writer().filter(|other| *other != first)).is_some());
    let _ = get(gear.address(), "/still-said");
    assert!(holds(&log, "/still-said"));
}
