//! `gear boot`: a machine that starts again, one that ends, and the systemd unit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, files, programs, run, wait};
use cart_gear::boot::{Unit, Whose};
use common::gears::{Gears, LIMIT, answer, get};
use common::mentioning;
use rustix::process::Signal;

/// Kills whatever runs for any gear, as a loss of power does.
fn power_loss(gears: &Gears) {
    for pid in mentioning(gears.place.gears.as_str()) {
        if let Some(process) = ProcessId::of(pid) {
            process.signal(Signal::KILL);
            forgotten(pid);
        }
    }
}

/// Waits until the system knows nothing of a process any more: what it has not reaped yet still
/// takes signals, and the recording cartridge asks no more than that.
fn forgotten(pid: u32) {
    let gone = || (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(());
    assert!(wait::until(LIMIT, gone).is_some(), "{pid} is not reaped");
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn after_a_loss_of_power_what_should_run_runs_and_nothing_else() {
    let gears = Gears::new();
    let (blog, shop) = (gears.create("blog"), gears.create("shop"));
    for name in ["stopped", "idle", "broken", "building"] {
        gears.create(name);
    }
    gears.gear(&["stop", "stopped"]).done();
    gears.gear(&["idle", "idle"]).done();
    gears.gear(&["env", "set", "broken", "FAIL_AT=control start"]).done();
    let building = gears.place.gears.join("building/app-root/runtime/.state");
    files::write_atomic(&building, b"building\n", 0o660).unwrap();
    power_loss(&gears);
    assert!(get(&blog).is_none());
    assert!(gears.place.gears.join("blog/recorder/run/pid").exists(), "it knows of no end");

    let booted = gears.gear(&["boot"]);
    let said = booted.out();
    assert_eq!(booted.code(), Some(1), "{said}\n{}", booted.err());
    let said = lines(&said);
    assert_eq!(said[0], format!("blog: started at {blog}"));
    assert!(
        said[1].starts_with("broken: failed: control start ended with exit code 9"),
        "{said:?}"
    );
    assert!(said[1].contains("told to fail at control start"), "{said:?}");
    assert!(said[2].starts_with("building: started at "), "{said:?}");
    assert_eq!(said[3], "idle: left alone (idle)");
    assert_eq!(said[4], format!("shop: started at {shop}"));
    assert_eq!(said[5], "stopped: left alone (stopped by its user)");
    assert_eq!(said.len(), 6);
    assert!(answer(&blog).contains("A small app") && answer(&shop).contains("A small app"));
    assert_eq!(gears.state("building"), "started");

    gears.gear(&["env", "unset", "broken", "FAIL_AT"]).done();
    assert!(
        gears.gear(&["boot"]).done().contains("broken: started at "),
        "what runs is no obstacle"
    );
}

#[test]
fn a_half_made_gear_is_left_alone_and_keeps_no_other_from_its_turn() {
    let gears = Gears::new();
    let blog = gears.create("blog");
    gears.create("bad");
    let record = gears.place.gears.join("bad/.gear.json");
    let half = std::fs::read_to_string(&record).unwrap().replace("kept", "creating");
    files::write_atomic(&record, half.as_bytes(), 0o600).unwrap();
    gears.gear(&["stop", "blog"]).done();
    gears.gear(&["start", "blog"]).done();
    let said = gears.gear(&["boot"]).done();
    assert!(said.contains("bad: left alone (unfinished: `gear destroy bad` removes it)"), "{said}");
    assert!(said.contains(&format!("blog: started at {blog}")), "{said}");
}

#[test]
fn an_end_of_the_machine_stops_all_and_its_start_finds_them_as_they_were() {
    let gears = Gears::new();
    let (blog, shop) = (gears.create("blog"), gears.create("shop"));
    gears.create("stopped");
    gears.gear(&["stop", "stopped"]).done();
    gears.gear(&["env", "set", "shop", "FAIL_AT=control stop"]).done();
    let pid = std::fs::read_to_string(gears.place.gears.join("shop/recorder/run/pid")).unwrap();

    let ended = gears.gear(&["boot", "--stop"]);
    let said = ended.out();
    assert_eq!(ended.code(), Some(1), "{said}");
    let said = lines(&said);
    assert_eq!(said[0], "blog: stopped");
    assert!(
        said[1].starts_with("shop: failed: it did not stop by itself and was ended: "),
        "{said:?}"
    );
    assert_eq!(said[2], "stopped: left alone (stopped by its user)");
    assert!(get(&blog).is_none() && get(&shop).is_none());
    assert!(mentioning(gears.place.gears.as_str()).is_empty());
    for name in ["blog", "shop"] {
        assert_eq!(gears.state(name), "started", "what should run stays written down");
        assert!(!gears.place.gears.join(name).join("app-root/runtime/.stop_lock").exists());
    }

    forgotten(pid.trim().parse().unwrap());
    gears.gear(&["boot"]).done();
    assert!(answer(&blog).contains("A small app") && answer(&shop).contains("A small app"));
    assert_eq!(gears.state("stopped"), "stopped");
    gears.gear(&["env", "unset", "shop", "FAIL_AT"]).done();
}

/// A place with a home for a user's units and, in `PATH`, a systemctl that writes down its calls.
struct Machine {
    gears: Gears,
    unit: Utf8PathBuf,
}

impl Machine {
    fn new(state: &str) -> Self {
        let mut gears = Gears::new();
        let root = gears.place.records.clone();
        let bin = root.join("bin");
        std::fs::create_dir(&bin).unwrap();
        let fake = format!(
            "#!/bin/sh\n[ \"$2\" = is-system-running ] && echo {state} && exit 1\n\
             echo \"$@\" >>{root}/systemctl\n"
        );
        files::write_atomic(&bin.join("systemctl"), fake.as_bytes(), 0o755).unwrap();
        let path = format!("{bin}:{}", common::path().to_str().unwrap());
        gears.env.set("PATH", path);
        gears.env.set("HOME", root.as_str());
        let unit = root.join(".config/systemd/user/gear.service");
        Self { gears, unit }
    }

    fn asked(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.gears.place.records.join("systemctl"));
        calls.unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_unit_is_written_enabled_and_removed_and_each_may_be_said_twice() {
    let machine = Machine::new("degraded");
    let printed = machine.gears.gear(&["boot", "--print"]).done();
    assert!(!machine.unit.exists());
    for _ in 0..2 {
        let said = machine.gears.gear(&["boot", "--install"]).done();
        assert_eq!(said, "loginctl enable-linger", "the rest is done");
        let written = std::fs::read_to_string(&machine.unit).unwrap();
        assert_eq!(written.trim_end(), printed);
    }
    let enabled = ["--user daemon-reload", "--user enable --now gear.service"];
    assert_eq!(machine.asked(), [enabled, enabled].concat());
    for line in [
        format!("Environment=\"GEAR_HOME={}\"", machine.gears.place.gears),
        format!("ExecStart=\"{}\" boot", env!("CARGO_BIN_EXE_gear")),
        format!("ExecStop=\"{}\" boot --stop", env!("CARGO_BIN_EXE_gear")),
        "Type=oneshot".to_owned(),
        "RemainAfterExit=yes".to_owned(),
        "KillMode=process".to_owned(),
        "WantedBy=default.target".to_owned(),
    ] {
        assert!(printed.lines().any(|l| l == line), "{line}\n{printed}");
    }
    assert!(printed.contains("\nEnvironment=\"PATH=") && !printed.contains("User="), "{printed}");

    machine.gears.gear(&["boot", "--uninstall"]).done();
    machine.gears.gear(&["boot", "--uninstall"]).done();
    assert!(!machine.unit.exists());
    let disabled = ["--user disable gear.service", "--user daemon-reload"];
    assert_eq!(machine.asked()[4..], disabled);
}

#[test]
fn without_a_systemd_that_runs_the_commands_are_said() {
    let machine = Machine::new("offline");
    let said = machine.gears.gear(&["boot", "--install"]).done();
    assert_eq!(said, "systemctl --user enable --now gear\nloginctl enable-linger");
    assert!(machine.unit.exists() && machine.asked().is_empty());
    let said = machine.gears.gear(&["boot", "--uninstall"]).done();
    assert_eq!(said, "systemctl --user disable gear");
    assert!(!machine.unit.exists());
}

#[test]
fn the_machines_unit_is_for_the_owner_of_the_gears() {
    let machine = Machine::new("offline");
    let printed = machine.gears.gear(&["boot", "--print", "--system"]).done();
    let user = printed.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
    let id = programs::find("id", &machine.gears.env, &[]).unwrap();
    let command = CommandSpec::new(id, &machine.gears.env).args(["-nu"]);
    let me = run::checked(&command, Duration::from_secs(10)).unwrap().stdout_text();
    assert_eq!(user, me.trim());
    assert!(printed.ends_with("[Install]\nWantedBy=multi-user.target"), "{printed}");
    let mistaken = machine.gears.gear(&["boot", "--system"]).failed(2);
    assert!(mistaken.contains("--system goes with"), "{mistaken}");
}

/// What systemd itself says of a unit with this text.
fn judged(machine: &Machine, name: &str, text: &str, args: &[&str]) -> (bool, String) {
    let file = machine.gears.place.records.join(name);
    files::write_atomic(&file, text.as_bytes(), 0o644).unwrap();
    let analyze = programs::find("systemd-analyze", &machine.gears.env, &[]);
    let analyze = analyze.expect("the package systemd has it");
    let command =
        CommandSpec::new(analyze, &machine.gears.env).args(args.iter().copied()).arg(file.as_str());
    let found = run::output(&command, Duration::from_secs(60)).unwrap();
    (found.status.success(), format!("{}{}", found.stdout_text(), found.stderr_text()))
}

#[test]
fn systemd_has_no_objection_to_a_unit_and_finds_it_less_exposed() {
    let machine = Machine::new("offline");
    let user = machine.gears.gear(&["boot", "--print"]).done();
    let system = machine.gears.gear(&["boot", "--print", "--system"]).done();
    // Root's gears are the least bounded.
    let me = system.lines().find(|line| line.starts_with("User=")).unwrap();
    let unit = Unit {
        whose: Whose::System("daemon".into()),
        program: env!("CARGO_BIN_EXE_gear").into(),
        gears: machine.gears.place.gears.clone(),
        path: "/usr/bin".into(),
    };
    // In tenths of systemd's points, of which a service without any bounds has 96.
    for (name, text, most) in [
        ("gear.service", user, 83),
        ("gear-me.service", system.replace(me, "User=root"), 74),
        ("gear-daemon.service", unit.text(), 51),
    ] {
        let verify = ["verify", "--recursive-errors=no", "--man=no"];
        let (_, said) = judged(&machine, name, &text, &verify);
        assert!(!said.contains("gear"), "{said}");
        let threshold = format!("--threshold={most}");
        let security = ["security", "--offline=yes", "--no-pager", &threshold];
        let (fits, said) = judged(&machine, name, &text, &security);
        let overall = said.lines().find(|line| line.contains("Overall exposure"));
        assert!(fits, "{name}: {overall:?}\n{said}");
        assert!(overall.is_some(), "{said}");
    }
}

#[test]
fn a_boot_that_is_interrupted_says_so_with_its_code() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["env", "set", "blog", "HANG_AT=control start"]).done();
    let known = gears.place.calls().len();
    let boot = gears.start(&["boot"]);
    gears.called_after(known, "control start");
    ProcessId::of(boot.id()).unwrap().signal(Signal::INT);
    let ended = boot.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert_eq!(said.trim_end(), "blog: failed: control start was interrupted");
}
