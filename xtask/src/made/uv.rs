//! The cartridge's own uv: the program of its wheel on PyPI, exactly the pinned one. On a gear
//! nobody may install one, and with it an app's packages are there in a fraction of the time.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::CommandSpec;
use cart_core::files::{self, FileError};
use cart_core::run::{self, RunError};
use cart_core::tree;

use crate::machine::needs;
use crate::made::tools::Stamp;
use crate::say::say;
use crate::workspace::Workspace;

/// The version, with the sums of its wheels.
const PINNED: &str = "xtask/uv/requirements.txt";

/// A uv for the cartridge, and for the tests, which look for it in this place.
#[derive(Debug)]
pub(crate) struct OwnUv {
    place: Utf8PathBuf,
}

impl OwnUv {
    /// Downloads it into `target/tools/uv/`, unless it is there.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self, UvError> {
        let place = workspace.target.join("tools/uv");
        let pinned = workspace.root.join(PINNED);
        let wanted = String::from_utf8_lossy(&files::read(&pinned)?).into_owned();
        let stamp = Stamp::new(&place, wanted);
        let uv = Self { place };
        if !stamp.holds()? {
            say("downloading uv from PyPI, 18 MB, once");
            tree::remove(&uv.place)?;
            uv.install(workspace, &pinned)?;
            stamp.set()?;
        }
        Ok(uv)
    }

    /// The program.
    pub(crate) fn program(&self) -> Utf8PathBuf {
        self.place.join("bin/uv")
    }

    /// What `uv --version` says first.
    pub(crate) fn version(&self, workspace: &Workspace) -> Result<String, UvError> {
        let pinned = files::read(&workspace.root.join(PINNED))?;
        let pinned = String::from_utf8_lossy(&pinned).into_owned();
        let line = pinned.lines().find_map(|line| line.strip_prefix("uv=="));
        let version = line.and_then(|rest| rest.split_whitespace().next());
        Ok(format!("uv {}", version.ok_or(UvError::NotPinned)?))
    }

    /// The words of its licences, which come with the wheel, and their names.
    pub(crate) fn licences(&self) -> Result<Vec<Utf8PathBuf>, UvError> {
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(self.place.join("lib")).sort_by_file_name() {
            let entry = entry.map_err(|e| FileError::new("read", &self.place, e.into()))?;
            let Ok(path) = <&Utf8Path>::try_from(entry.path()) else { continue };
            let is_uvs = path.components().any(|part| {
                let part = part.as_str();
                part.starts_with("uv-") && part.ends_with(".dist-info")
            });
            let is_licence = path.file_name().is_some_and(|name| name.starts_with("LICENSE"));
            if is_uvs && is_licence {
                found.push(path.to_owned());
            }
        }
        if found.is_empty() { Err(UvError::NoLicence) } else { Ok(found) }
    }

    fn install(&self, workspace: &Workspace, pinned: &Utf8Path) -> Result<(), UvError> {
        let system = needs::python(&workspace.env).ok_or(UvError::NoPython)?;
        let run = |program: &Utf8Path, words: &[&str]| {
            run::foreground(&CommandSpec::new(program, &workspace.env).args(words.iter().copied()))
        };
        run(&system, &["-m", "venv", self.place.as_str()])?;
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
        let exact = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"];
        let python = self.place.join("bin/python");
        Ok(run(&python, &[&pip[..], &exact, &[pinned.as_str()]].concat())?)
    }
}

/// A uv that could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UvError {
    #[error("there is no Python 3 with venv and ensurepip to install uv with")]
    NoPython,
    #[error("uv could not be installed from PyPI: {0}")]
    Install(#[from] RunError),
    #[error("{PINNED} pins no uv: it needs a line `uv==VERSION`")]
    NotPinned,
    #[error("uv's wheel holds no licence: the cartridge must not be given to anybody without")]
    NoLicence,
    #[error(transparent)]
    File(#[from] FileError),
}
