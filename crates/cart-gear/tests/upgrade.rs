//! `gear upgrade`, compatible and incompatible, with the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;
use common::gears::{Gears, answer, get};

/// Gears with a cartridge at version 0.0.1 whose next version is about to be written.
struct Upgrading {
    gears: Gears,
    url: String,
    home: Utf8PathBuf,
}

const UPGRADE: &str = "#!/bin/sh\n. \"$(dirname \"$0\")/../usr/record.sh\"\n";

impl Upgrading {
    fn new() -> Self {
        let gears = Gears::new();
        let cartridge = &gears.place.cartridge;
        edit(&cartridge.join("bin/control"), "it runs", "it is running");
        edit(
            &cartridge.join("metadata/managed_files.yml"),
            "locked_files:",
            "setup_rewritten:\n- conf/*.conf\n- rewritten\nlocked_files:",
        );
        // As a node would have it.
        edit(&cartridge.join("metadata/manifest.yml"), "Name: Recorder", "Name: recorder");
        let url = gears.create("blog");
        let home = gears.home("blog");
        let upgrading = Self { gears, url, home };
        upgrading.next("0.0.2", "[]");
        upgrading
    }

    /// Makes the cartridge that is to be put on the gear.
    fn next(&self, version: &str, compatible: &str) {
        let cartridge = &self.gears.place.cartridge;
        let path = cartridge.join("metadata/manifest.yml");
        let manifest: String = read(&path)
            .lines()
            .filter(|line| !line.starts_with("Compatible-Versions"))
            .map(|line| match line.starts_with("Cartridge-Version") {
                true => {
                    format!("Cartridge-Version: '{version}'\nCompatible-Versions: {compatible}\n")
                }
                false => format!("{line}\n"),
            })
            .collect();
        write(&path, &manifest, 0o644);
        write(&cartridge.join("bin/upgrade"), UPGRADE, 0o755);
        write(&cartridge.join("usr/new"), version, 0o644);
    }

    fn upgrade(&self, more: &[&str]) -> common::gears::Ended {
        self.gears.gear(&[&["upgrade", "blog"], more].concat())
    }

    fn calls(&self, during: impl FnOnce()) -> Vec<String> {
        let before = self.gears.place.calls().len();
        during();
        self.gears.place.calls()[before..].to_vec()
    }

    fn ident(&self) -> String {
        read(&self.home.join("recorder/env/OPENSHIFT_RECORDER_IDENT"))
    }

    fn pid(&self) -> String {
        read(&self.home.join("recorder/run/pid"))
    }

    fn fail_at(&self, call: &str) {
        self.gears.gear(&["env", "set", "blog", &format!("FAIL_AT={call}")]).done();
    }

    fn heal(&self) {
        self.gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    }
}

fn read(path: &Utf8Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn write(path: &Utf8Path, content: &str, mode: u32) {
    files::write_atomic(path, content.as_bytes(), mode).unwrap();
}

fn edit(path: &Utf8Path, from: &str, to: &str) {
    let content = read(path);
    assert!(content.contains(from), "{path}");
    files::write_if_changed(path, content.replace(from, to).as_bytes(), mode(path)).unwrap();
}

fn mode(path: &Utf8Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_compatible_upgrade_touches_no_process_and_renders_nothing() {
    let it = Upgrading::new();
    it.next("0.0.2", "['0.0.1']");
    let (pid, cartridge) = (it.pid(), it.home.join("recorder"));
    write(&cartridge.join("own"), "own", 0o644);
    let conf = read(&cartridge.join("conf/it.conf"));
    edit(&it.gears.place.cartridge.join("conf/it.conf.erb"), "listen", "changed");
    let said = it.upgrade(&[]);
    said.done();
    assert!(
        said.err().contains("cartridge 0.0.1 is now 0.0.2; what ran was not touched"),
        "{}",
        said.err()
    );
    assert_eq!(it.gears.place.calls().last().unwrap(), "upgrade 1 0.0.1 0.0.2");
    assert_eq!((it.pid(), it.ident().as_str()), (pid, "tests:recorder:1:0.0.2"));
    assert!(get(&it.url).is_some() && it.gears.state("blog") == "started");
    assert_eq!(read(&cartridge.join("usr/new")), "0.0.2", "the gear's own usr, too");
    assert_eq!(read(&cartridge.join("own")), "own");
    assert_eq!(read(&cartridge.join("conf/it.conf")), conf);
    for template in ["conf/it.conf.erb", "env/RECORDER_GREETING.erb"] {
        assert!(!cartridge.join(template).exists(), "{template}");
    }
    assert_eq!(read(&cartridge.join("env/RECORDER_GREETING")), "Hello from blog\n");

    let calls = it.calls(|| {
        let again = it.upgrade(&[]);
        again.done();
        assert!(
            again.err().contains("blog has version 0.0.2 of its cartridge already"),
            "{}",
            again.err()
        );
    });
    assert!(calls.is_empty(), "{calls:?}");
}

#[test]
fn a_compatible_upgrade_whose_script_fails_leaves_the_gear_running_and_is_run_again() {
    let it = Upgrading::new();
    it.next("0.0.2", "['0.0.1']");
    let pid = it.pid();
    it.fail_at("upgrade 1 0.0.1 0.0.2");
    let said = it.upgrade(&[]).failed(1);
    assert!(said.contains("bin/upgrade ended with exit code 9"), "{said}");
    assert_eq!((it.pid(), it.ident().as_str()), (pid.clone(), "tests:recorder:1:0.0.1"));
    assert!(get(&it.url).is_some());
    it.heal();
    let calls = it.calls(|| drop(it.upgrade(&[]).done()));
    assert_eq!(calls, ["upgrade 1 0.0.1 0.0.2"]);
    assert_eq!((it.pid(), it.ident().as_str()), (pid, "tests:recorder:1:0.0.2"));
}

const INCOMPATIBLE: [&str; 5] = [
    "control stop",
    "upgrade 1 0.0.1 0.0.2",
    "setup --version 1",
    "control start",
    "control status",
];

#[test]
fn an_incompatible_upgrade_stops_sets_up_anew_and_starts() {
    let it = Upgrading::new();
    let cartridge = it.home.join("recorder");
    std::fs::create_dir(cartridge.join("rewritten")).unwrap();
    write(&cartridge.join("rewritten/x"), "x", 0o644);
    write(&cartridge.join("conf/stale.conf"), "stale", 0o644);
    edit(&it.gears.place.cartridge.join("conf/it.conf.erb"), "listen", "now listen");
    edit(&it.gears.place.cartridge.join("env/RECORDER_GREETING.erb"), "Hello", "Good day");
    let manifest = it.gears.place.cartridge.join("metadata/manifest.yml");
    let more = "- Private-IP-Name: IP\n  Private-Port-Name: ADMIN_PORT\n  Private-Port: 18099\n\
                - Private-IP-Name: DB_IP\n  Private-Port-Name: DB_PORT\n  Private-Port: 18098\n";
    write(&manifest, &(read(&manifest) + more), 0o644);
    let pid = it.pid();

    let calls = it.calls(|| {
        let said = it.upgrade(&[]);
        said.done();
        assert!(said.err().contains("0.0.1 is now 0.0.2, and it runs again"), "{}", said.err());
    });
    assert_eq!(calls, INCOMPATIBLE);
    assert_ne!(it.pid(), pid);
    assert!(answer(&it.url).contains("A small app"));
    assert_eq!(it.ident(), "tests:recorder:1:0.0.2");
    assert!(read(&cartridge.join("conf/it.conf")).starts_with("now listen 127."));
    assert!(read(&cartridge.join("env/RECORDER_GREETING")).starts_with("Good day from blog"));
    assert!(!cartridge.join("rewritten").exists() && !cartridge.join("conf/stale.conf").exists());
    assert!(!it.home.join("app-root/runtime/.preupgrade_state").exists());
    assert!(!it.home.join("app-root/runtime/.stop_lock").exists());
    let saw = |variable: &str| it.gears.place.saw("control start", variable).unwrap();
    assert_eq!(saw("OPENSHIFT_RECORDER_ADMIN_PORT"), "18099");
    assert_eq!(saw("OPENSHIFT_RECORDER_DB_PORT"), "18098");
    assert_ne!(saw("OPENSHIFT_RECORDER_DB_IP"), saw("OPENSHIFT_RECORDER_IP"));
    assert_eq!(it.gears.place.saw("setup --version 1", "OPENSHIFT_RECORDER_DB_IP"), None);
    let record = read(&it.home.join(".gear.json"));
    assert!(record.contains(":18098") && record.contains(":18099"), "{record}");
}

#[test]
fn an_incompatible_upgrade_that_fails_leaves_the_gear_down_and_is_run_again() {
    let it = Upgrading::new();
    for (at, calls) in
        [("upgrade 1 0.0.1 0.0.2", &INCOMPATIBLE[..2]), ("setup --version 1", &INCOMPATIBLE[..3])]
    {
        it.fail_at(at);
        let seen = it.calls(|| drop(it.upgrade(&[]).failed(1)));
        assert_eq!(seen, calls);
        assert!(get(&it.url).is_none() && it.gears.state("blog") == "stopped");
        assert_eq!(it.ident(), "tests:recorder:1:0.0.1");
    }
    it.heal();
    // What would be compatible with the old version is not with one that is half put on.
    it.next("0.0.2", "['0.0.1']");
    let seen = it.calls(|| drop(it.upgrade(&[]).done()));
    assert_eq!(seen, INCOMPATIBLE);
    assert!(answer(&it.url).contains("A small app"), "it ran before the first attempt");
}

#[test]
fn an_upgraded_gear_that_is_not_well_says_so_and_only_that_is_tried_again() {
    let it = Upgrading::new();
    edit(&it.gears.place.cartridge.join("bin/control"), "it is running", "it is odd");
    let said = it.upgrade(&[]).failed(1);
    assert!(said.contains("the upgrade is done, but") && said.contains("it is odd"), "{said}");
    assert_eq!(it.ident(), "tests:recorder:1:0.0.2");
    edit(&it.home.join("recorder/bin/control"), "it is odd", "it is RUNNING");
    let seen = it.calls(|| drop(it.upgrade(&[]).done()));
    assert_eq!(seen, INCOMPATIBLE[3..]);
    let seen = it.calls(|| drop(it.upgrade(&[]).done()));
    assert!(seen.is_empty(), "{seen:?}");
    edit(&it.gears.place.cartridge.join("bin/control"), "it is odd", "it is running");
    let seen = it.calls(|| drop(it.upgrade(&["--force"]).done()));
    assert_eq!(seen[1], "upgrade 1 0.0.2 0.0.2");
}

#[test]
fn a_gear_that_was_stopped_or_idle_stays_so() {
    let it = Upgrading::new();
    it.gears.gear(&["stop", "blog"]).done();
    let seen = it.calls(|| drop(it.upgrade(&[]).done()));
    assert_eq!(seen, INCOMPATIBLE[..3]);
    assert_eq!(it.gears.state("blog"), "stopped");
    assert!(it.home.join("app-root/runtime/.stop_lock").exists());
    it.gears.gear(&["start", "blog"]).done();
    it.gears.gear(&["idle", "blog"]).done();
    it.next("0.0.3", "[]");
    it.upgrade(&[]).done();
    assert_eq!(it.gears.state("blog"), "idle");
    assert!(get(&it.url).is_none());
}

#[test]
fn what_a_node_would_refuse_and_another_cartridge_change_nothing() {
    let it = Upgrading::new();
    let cartridge = it.gears.place.cartridge.clone();
    let manifest = cartridge.join("metadata/manifest.yml");
    let whole = read(&manifest);
    for (from, to, reason) in [
        ("Cartridge-Vendor: tests", "Cartridge-Vendor: Not Allowed", "manifest.yml:"),
        ("Cartridge-Vendor: tests", "Cartridge-Vendor: others", "its Cartridge-Vendor is others"),
        ("Name: recorder", "Name: other", "its Name is other"),
        ("Versions: ['1', '2']", "Versions: ['2']", "version 1 of the software"),
    ] {
        let mut changed = whole.replace(from, to);
        if to.ends_with("['2']") {
            changed = changed.replace("\nVersion: '1'", "\nVersion: '2'");
        }
        assert_ne!(changed, whole);
        write(&manifest, &changed, 0o644);
        let seen = it.calls(|| {
            let said = it.upgrade(&[]).failed(1);
            assert!(said.contains("nothing was changed") && said.contains(reason), "{said}");
        });
        assert!(seen.is_empty(), "{seen:?}");
        assert!(!it.home.join("recorder/usr/new").exists() && get(&it.url).is_some());
    }
    let said = it.upgrade(&["--cartridge", "/nowhere"]).failed(2);
    assert!(said.contains("--cartridge DIR"), "{said}");
}
