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
    for (directory, named) in [("run", "run/hook.lock"), ("logs", "logs/nginx-error.log")] {
        let fault = ReadOnly::new(&cartridge.join(directory));
        for action in ["restart", "reload"] {
            refused(&gear.control(action), &[SAID, named]);
            assert_eq!(get(gear.address(), "/").body, "mirror", "{directory}");
            gear.control("status").done();
        }
        drop(fault);
        gear.control("restart").done();
    }
}
