//! Programs of others from PyPI, each in an environment of its own, `tools/pypi` in the target directory.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::lock::HookLock;
use cart_core::{CommandSpec, GearEnv, files, programs, run, tree};

use crate::cartridge::target;

/// How long pip may take.
const LIMIT: Duration = Duration::from_secs(300);

/// What was installed.
#[derive(Debug)]
pub struct Installed {
    programs: Utf8PathBuf,
    env: GearEnv,
}

impl Installed {
    /// What pip makes of this package, in an exact version, so that the same is played everywhere, and of these
    /// options. The first who asks has it made.
    ///
    /// # Panics
    /// When there is no Python for it, or it cannot be installed.
    #[must_use]
    pub fn of(wanted: &str, options: &[&str]) -> Self {
        let env = GearEnv::from_process();
        let place = target().join("tools/pypi");
        std::fs::create_dir_all(&place).unwrap();
        let _alone = HookLock::acquire(&place.join("lock"), "a test", LIMIT).unwrap();
        let environment = place.join(wanted);
        let whole = environment.join("whole");
        let installed = environment.join("bin/python");
        if whole.is_file() && installed.is_file() {
            return Self { programs: environment.join("bin"), env };
        }
        tree::remove(&environment).unwrap();
        let python = python(&env).unwrap_or_else(|| {
            panic!(
                "{wanted} needs Python 3.10 or newer with venv and ensurepip: install one as python3"
            )
        });
        let run = |program: &Utf8Path, args: &[&str]| {
            let command = CommandSpec::new(program, &env).args(args.iter().copied());
            run::checked(&command, LIMIT).unwrap();
        };
        run(&python, &["-m", "venv", environment.as_str()]);
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
        run(&installed, &[&pip[..], &["--only-binary", ":all:", wanted], options].concat());
        files::write_atomic(&whole, b"", 0o644).unwrap();
        Self { programs: environment.join("bin"), env }
    }

    /// One of its programs, `python` among them.
    #[must_use]
    pub fn command(&self, program: &str) -> CommandSpec {
        CommandSpec::new(self.programs.join(program), &self.env)
    }
}

/// The first Python that is new enough.
fn python(env: &GearEnv) -> Option<Utf8PathBuf> {
    const NAMES: [&str; 6] =
        ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
    const NEW_ENOUGH: &str =
        "import sys, venv, ensurepip; ensurepip.version(); sys.exit(sys.version_info < (3, 10))";
    NAMES.iter().flat_map(|name| programs::all(name, env, &["/usr/bin"])).find(|python| {
        let asked = CommandSpec::new(python, env).args(["-c", NEW_ENOUGH]);
        run::checked(&asked, Duration::from_secs(30)).is_ok()
    })
}
