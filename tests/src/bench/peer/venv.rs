//! A Python environment with what a server needs, as anybody would make it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, run, tree};

use crate::way::Way;

/// How long packages may take to come.
const LIMIT: Duration = Duration::from_secs(600);

/// An environment with a server in it.
#[derive(Clone, Debug)]
pub(crate) struct Venv(Utf8PathBuf);

impl Venv {
    /// The environment for this way in `place`, with `python`, and with the very requirements that the
    /// cartridge has for it. One that was made from the same before is kept.
    ///
    /// # Panics
    /// When a package cannot be had.
    #[must_use]
    pub(crate) fn prepare(place: &Utf8Path, way: &Way, python: &Utf8Path, uv: &Utf8Path) -> Self {
        let venv = Self(place.join(way.name));
        let requirements = way.backend().requirements(&way.settings());
        let lines = requirements.iter().flat_map(|requirement| requirement.lines);
        let lines: Vec<&str> = lines.chain(way.requirements).copied().collect();
        let wanted = lines.join("\n") + "\n";
        let made_from = format!("{python}\n{wanted}");
        let stamp = venv.0.join(".made-from");
        if files::read_if_exists(&stamp).unwrap().as_deref() != Some(made_from.as_bytes()) {
            tree::remove(&venv.0).unwrap();
            venv.make(python, uv, &wanted);
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
