//! A Python environment with what a server needs, as anybody would make it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, run, tree};

use crate::bench::with::With;

/// How long packages may take to come.
const LIMIT: Duration = Duration::from_secs(600);

/// An environment with a server in it.
#[derive(Clone, Debug)]
pub(crate) struct Venv(Utf8PathBuf);

impl Venv {
    /// An environment in `place` for what a gear runs `with`: the same Python and the very packages. One
    /// that was made from the same before is kept.
    ///
    /// # Panics
    /// When a package cannot be had.
    #[must_use]
    pub(crate) fn prepare(place: Utf8PathBuf, with: &With, uv: &Utf8Path) -> Self {
        let venv = Self(place);
        let made_from = format!("{}\n{}", with.python, with.packages);
        let stamp = venv.0.join(".made-from");
        if files::read_if_exists(&stamp).unwrap().as_deref() != Some(made_from.as_bytes()) {
            tree::remove(&venv.0).unwrap();
            venv.make(&with.python, uv, &with.packages);
            files::write_atomic(&stamp, made_from.as_bytes(), 0o644).unwrap();
        }
        venv
    }

    /// A program of it.
    #[must_use]
    pub(crate) fn program(&self, name: &str) -> Utf8PathBuf {
        self.0.join("bin").join(name)
    }

    fn make(&self, python: &Utf8Path, uv: &Utf8Path, requirements: &str) {
        let env = GearEnv::from_process();
        let run = |program: &Utf8Path, words: &[&str]| {
            let command = CommandSpec::new(program, &env).args(words.iter().copied());
            run::checked(&command, LIMIT).unwrap_or_else(|e| panic!("{e}"));
        };
        let place = self.0.as_str();
        let (file, own) = (self.0.join("requirements.txt"), self.program("python"));
        let write = || files::write_atomic(&file, requirements.as_bytes(), 0o644).unwrap();
        if uv.exists() {
            run(uv, &["venv", "--quiet", "--python", python.as_str(), place]);
            write();
            run(uv, &["pip", "install", "--quiet", "--python", own.as_str(), "-r", file.as_str()]);
        } else {
            run(python, &["-m", "venv", place]);
            write();
            run(&own, &["-m", "pip", "install", "--quiet", "-r", file.as_str()]);
        }
    }
}
