//! Running a cartridge's scripts as a node does, where a gear has no word for it.

use std::time::Duration;

use cart_core::{CommandSpec, GearEnv, run};
use cart_test::TestGear;

/// What came of a script.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `script`, a path below the cartridge's directory on the gear, in the gear's environment.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn script(gear: &TestGear, script: &str, args: &[&str]) -> Ended {
    script_in(gear, script, args, &gear.gear().environment().unwrap())
}

/// As [`script`], in another environment.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn script_in(gear: &TestGear, script: &str, args: &[&str], env: &GearEnv) -> Ended {
    let program = gear.cartridge().join(script);
    ended(&CommandSpec::new(program, env).args(args.iter().copied()).dir(gear.cartridge()))
}

/// Runs a line of shell as in a session on the gear.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn session(gear: &TestGear, line: &str) -> Ended {
    let env = gear.gear().environment().unwrap();
    let home = gear.gear().layout().home().to_owned();
    ended(&CommandSpec::new("/bin/sh", &env).args(["-c", line]).dir(home))
}

fn ended(command: &CommandSpec) -> Ended {
    let output = run::output(command, Duration::from_secs(120)).unwrap();
    Ended { code: output.status.code(), out: output.stdout_text(), err: output.stderr_text() }
}
