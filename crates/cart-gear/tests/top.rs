//! `gear top` and the figures in `gear status --json`, of a cartridge that tells some.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use cart_core::process::ProcessId;
use cart_core::{files, wait};
use common::gears::{Gears, LIMIT};
use rustix::fs::{Mode, OFlags};
use rustix::io::ioctl_fionbio;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

/// Tells some figures, something that is none, and whether the gear's environment got here.
const METRICS: &str = "#!/bin/sh
echo \"up=1
requests=$(wc -l <../app-root/logs/asked)
app.memory=52000000
helper.memory=12000000
app.busy=3
app.workers=4
app.queued=7
latency.p50=0.012
colour=green
leaked=$(env | grep -c OPENSHIFT_)\"
echo asked >>../app-root/logs/asked
";

/// Gears whose cartridge tells figures.
fn gears() -> Gears {
    let gears = Gears::new();
    let cartridge = &gears.place.cartridge;
    files::write_atomic(&cartridge.join("bin/metrics"), METRICS.as_bytes(), 0o755).unwrap();
    let manifest = cartridge.join("metadata/manifest.yml");
    let text = std::fs::read_to_string(&manifest).unwrap() + "Metrics:\n- enabled\n";
    files::write_atomic(&manifest, text.as_bytes(), 0o644).unwrap();
    gears
}

fn create(gears: &Gears, name: &str) {
    gears.create(name);
    let asked = gears.home(name).join("app-root/logs/asked");
    files::write_atomic(&asked, b"asked\n", 0o644).unwrap();
}

#[test]
fn status_tells_a_program_what_the_cartridge_tells() {
    let gears = gears();
    create(&gears, "blog");
    let metrics = &gears.json(&["status", "blog", "--json"])["metrics"];
    let expected = serde_json::json!({
        "up": 1, "requests": 1, "app.memory": 52_000_000, "helper.memory": 12_000_000, "app.busy": 3,
        "app.workers": 4, "app.queued": 7, "latency.p50": 0.012, "leaked": 0,
    });
    assert_eq!(*metrics, expected);
    // A cartridge may tell none, and one that cannot is no reason to say nothing else.
    let script = gears.home("blog").join("recorder/bin/metrics");
    files::write_atomic(&script, b"#!/bin/sh\nexit 3\n", 0o755).unwrap();
    assert_eq!(gears.json(&["status", "blog", "--json"])["metrics"], serde_json::json!({}));
    assert_eq!(gears.state("blog"), "started");
}

#[test]
fn without_a_terminal_it_is_a_table() {
    let gears = gears();
    assert!(gears.gear(&["top"]).done().is_empty());
    create(&gears, "blog");
    create(&gears, "shop");
    gears.gear(&["stop", "shop"]).done();
    for args in [&["top"][..], &["top", "--once"]] {
        let said = gears.gear(args).done();
        let rows: Vec<Vec<&str>> =
            said.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
        assert_eq!(rows[0][..4], ["NAME", "STATE", "REQUESTS", "P50"]);
        assert_eq!(rows[1][..2], ["blog", "started"]);
        assert_eq!(rows[1][3..], ["12ms", "-", "3/4", "7", "64MB", "-", "-", "-"]);
        assert_eq!(rows[2][..2], ["shop", "stopped"]);
        assert_eq!(rows.len(), 3);
    }
}

/// `gear` on a terminal of its own, and what it has written there.
struct OnTerminal {
    child: Child,
    ours: OwnedFd,
    terminal: OwnedFd,
    screen: Vec<u8>,
}

impl OnTerminal {
    fn start(gears: &Gears, args: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let how = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name.as_c_str(), how, Mode::empty()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let copy = || Stdio::from(terminal.try_clone().unwrap());
        let command = gears.command(args);
        #[expect(
            clippy::disallowed_methods,
            reason = "on a terminal, where no command of ours runs"
        )]
        let child = std::process::Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.env.iter())
            .env("TERM", "xterm")
            .stdin(copy())
            .stdout(copy())
            .stderr(copy())
            .spawn()
            .unwrap();
        ioctl_fionbio(&ours, true).unwrap();
        Self { child, ours, terminal, screen: Vec::new() }
    }

    /// All that was written until now.
    fn screen(&mut self) -> String {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = rustix::io::read(&self.ours, &mut piece) {
            self.screen.extend_from_slice(&piece[..count]);
        }
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    #[track_caller]
    fn shows(&mut self, text: &str) {
        let shown = wait::until(LIMIT, || self.screen().contains(text).then_some(()));
        assert!(shown.is_some(), "{text} is not on the screen: {:?}", self.screen());
    }

    #[track_caller]
    fn ends(&mut self) {
        let status = wait::until(LIMIT, || {
            self.screen();
            self.child.try_wait().unwrap()
        });
        assert!(status.unwrap().success(), "{:?}", self.screen());
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn on_a_terminal_it_is_live_until_a_key_or_a_signal_ends_it() {
    const LEAVES: &str = "\u{1b}[?1049l";
    let gears = gears();
    create(&gears, "blog");
    for key in [Some("q"), Some("\u{3}"), Some("\u{1b}"), None] {
        let mut top = OnTerminal::start(&gears, &["top", "--interval", "1"]);
        let before = tcgetattr(&top.terminal).unwrap().local_modes;
        // What is drawn is what changed, and a space is a step of the cursor.
        for text in ["top:", "CRASHES", "blog", "12ms", "3/4", "64MB"] {
            top.shows(text);
        }
        // Each look is a request to this app: there is something in the course of things.
        for text in ["/s", "█"] {
            top.shows(text);
        }
        assert!(!top.screen().contains(LEAVES));
        match key {
            Some(key) => assert_eq!(rustix::io::write(&top.ours, key.as_bytes()), Ok(key.len())),
            None => ProcessId::of(top.child.id()).unwrap().signal(Signal::TERM),
        }
        top.ends();
        top.shows(LEAVES);
        let after = tcgetattr(&top.terminal).unwrap().local_modes;
        assert!(after.contains(before), "{key:?}: the terminal is not as it was");
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let gears = gears();
    create(&gears, "blog");
    let mut top = OnTerminal::start(&gears, &["top"]);
    top.shows("blog");
    // Nobody has the other side any more.
    top.ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    assert!(wait::until(LIMIT, || top.child.try_wait().unwrap()).is_some());
}
