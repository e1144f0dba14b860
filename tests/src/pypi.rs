//! Programs of others from PyPI, in an environment of their own.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, programs, run};
use tempfile::TempDir;

/// What was installed, for as long as this lives; in a `static`, as long as the process.
#[derive(Debug)]
pub struct Installed {
    programs: Utf8PathBuf,
    env: GearEnv,
    _place: TempDir,
}

impl Installed {
    /// What pip makes of these arguments: exact versions, so that the same is played everywhere.
    ///
    /// # Panics
    /// When there is no Python for it, or it cannot be installed.
    #[must_use]
    pub fn of(wanted: &[&str]) -> Self {
        let env = GearEnv::from_process();
        let python = python(&env).unwrap_or_else(|| {
            panic!(
                "{wanted:?} needs Python 3.10 or newer with venv and ensurepip: install one as python3"
            )
        });
        let place = tempfile::tempdir().unwrap();
        let environment = Utf8Path::from_path(place.path()).unwrap().join("installed");
        let installed = environment.join("bin/python");
        let run = |program: &Utf8Path, args: &[&str]| {
            let command = CommandSpec::new(program, &env).args(args.iter().copied());
            run::checked(&command, Duration::from_secs(300)).unwrap();
        };
        run(&python, &["-m", "venv", environment.as_str()]);
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
        run(&installed, &[&pip[..], &["--only-binary", ":all:"], wanted].concat());
        Self { programs: environment.join("bin"), env, _place: place }
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
