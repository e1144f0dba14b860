//! Directories that nobody can write to, whoever owns them: the system mounts a disk read-only
//! after an error.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, run};
use cart_test::{TestGear, get};

use super::{LIMIT, Stage, refused};

/// A directory mounted read-only on itself, until it is dropped.
struct ReadOnly(Utf8PathBuf);

impl ReadOnly {
    fn new(directory: &Utf8Path) -> Self {
        program("mount", &["--bind", directory.as_str(), directory.as_str()]);
        program("mount", &["-o", "remount,ro,bind", directory.as_str()]);
        Self(directory.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // What was opened meanwhile does not keep it.
        program("umount", &["--lazy", self.0.as_str()]);
    }
}

fn program(name: &str, args: &[&str]) {
    let command = CommandSpec::new(name, &GearEnv::from_process()).args(args.iter().copied());
    run::checked(&command, LIMIT).unwrap();
}

pub(super) fn read_only(_: &Stage, gear: &TestGear) {
    const SAID: &str = "mounted read-only";
    let cartridge = gear.cartridge();
    let fault = ReadOnly::new(&cartridge.join("run"));
    for action in ["restart", "reload"] {
        refused(&gear.control(action), &[SAID, "run/hook.lock"]);
        assert_eq!(get(gear.address(), "/").body, "mirror");
        gear.control("status").done();
    }
    drop(fault);
    // An nginx that runs has its logs open, and one with the same configuration needs no test.
    let fault = ReadOnly::new(&cartridge.join("logs"));
    gear.control("restart").done();
    gear.control("stop").done();
    refused(&gear.control("start"), &[SAID, "logs/supervisor.log"]);
    drop(fault);
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
}
