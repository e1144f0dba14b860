//! A virtual environment: what is in it, and whether it still works.
//!
//! It stands where the node keeps dependencies, so it travels with a deployment to gears with
//! other home paths (node-contract.md, Build). Hence its Python is called by path, never through
//! a script whose first line names one; and hence [`relocate`].

pub mod kept;
pub mod pack;
pub mod relocate;
pub mod stage;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;

use crate::environment::interpreter;
use crate::environment::python_wish::PythonWish;
use crate::environment::stamp::{BasePython, Fate, Stamp};
use crate::packages::spelling::normalized;

/// A virtual environment in a directory, whether it is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualEnv {
    dir: Utf8PathBuf,
}

impl VirtualEnv {
    /// The environment in `dir`, which may be a link.
    #[must_use]
    pub fn at(dir: impl Into<Utf8PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Its programs.
    #[must_use]
    pub fn bin(&self) -> Utf8PathBuf {
        self.dir.join("bin")
    }

    /// Its Python.
    #[must_use]
    pub fn python(&self) -> Utf8PathBuf {
        self.dir.join("bin/python")
    }

    /// Whether it can be used as it is. Runs no process unless its interpreter was replaced.
    #[must_use]
    pub fn condition(&self, wanted: &PythonWish, env: &GearEnv) -> Condition {
        let Some(mut stamp) = Stamp::read(&self.dir) else {
            return match self.dir.read_dir_utf8().map(|mut entries| entries.next()) {
                Ok(Some(_)) => Condition::Unusable("it was not finished".to_owned()),
                Ok(None) | Err(_) => Condition::Missing,
            };
        };
        let python = &stamp.python;
        if !wanted.fits(&python.version) {
            let has = &python.version;
            return Condition::Unusable(format!("it has Python {has}, wanted is {wanted}"));
        }
        if !self.python().exists() || !self.dir.join("pyvenv.cfg").is_file() {
            let executable = &python.executable;
            return Condition::Unusable(format!("its Python is gone ({executable})"));
        }
        match python.fate() {
            Fate::Same => Condition::Sound(Box::new(stamp)),
            Fate::Gone => {
                Condition::Unusable(format!("its interpreter {} is gone", python.executable))
            }
            Fate::Replaced => match self.interpreter_now(&stamp, env) {
                Some(now) => {
                    stamp.python = now;
                    Condition::Sound(Box::new(stamp))
                }
                None => Condition::Unusable(format!(
                    "its interpreter {} was replaced by another version",
                    python.executable
                )),
            },
        }
    }

    /// Its interpreter after an update: still usable when major and minor version are the same.
    fn interpreter_now(&self, stamp: &Stamp, env: &GearEnv) -> Option<BasePython> {
        let now = interpreter::ask(&self.python(), env)?;
        let was = &stamp.python.version;
        let same = (now.version.major, now.version.minor) == (was.major, was.minor);
        same.then(|| BasePython::of(&now).ok())?
    }

    /// `lib/python3.N/site-packages`.
    #[must_use]
    pub fn site_packages(&self) -> Option<Utf8PathBuf> {
        let entries = self.dir.join("lib").read_dir_utf8().ok()?;
        entries
            .flatten()
            .filter(|entry| entry.file_name().starts_with("python"))
            .map(|entry| entry.path().join("site-packages"))
            .find(|path| path.is_dir())
    }

    /// The version of an installed package, by its name in any spelling.
    #[must_use]
    pub fn installed(&self, name: &str) -> Option<String> {
        let wanted = normalized(name);
        self.packages().find_map(|(name, version)| (name == wanted).then_some(version))
    }

    /// The installed packages, in no order: normalized names, and versions.
    pub fn packages(&self) -> impl Iterator<Item = (String, String)> {
        let entries = self.site_packages().and_then(|site| site.read_dir_utf8().ok());
        entries.into_iter().flatten().flatten().filter_map(|entry| {
            let file = entry.file_name();
            let stem = [".dist-info", ".egg-info"]
                .into_iter()
                .find_map(|ending| file.strip_suffix(ending))?;
            let (package, version) = stem.split_once('-')?;
            let version = version.split_once("-py").map_or(version, |(v, _)| v);
            Some((normalized(package), version.to_owned()))
        })
    }

    /// The folders that its Python imports from: site-packages, and what `.pth` files and
    /// editable installs add, such as `src` of the app's repository.
    #[must_use]
    pub fn import_folders(&self) -> Vec<Utf8PathBuf> {
        let Some(site) = self.site_packages() else {
            return Vec::new();
        };
        let mut folders = vec![site.clone()];
        for entry in site.read_dir_utf8().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Ok(text) = std::fs::read_to_string(entry.path()).map_err(drop) else {
                continue;
            };
            if name.ends_with(".pth") {
                let absolute = text.lines().filter(|line| line.starts_with('/'));
                folders.extend(absolute.map(Utf8PathBuf::from));
            } else if relocate::is_finder(name) {
                let quoted = text.split('\'').filter(|part| part.starts_with('/'));
                let parents = quoted.filter_map(|path| Utf8Path::new(path).parent());
                folders.extend(parents.map(Utf8Path::to_owned));
            }
        }
        folders
    }
}

/// Whether an environment can be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none, or an empty directory.
    Missing,
    /// It works; its stamp, brought up to date.
    Sound(Box<Stamp>),
    /// It must be made anew, and why, as the end of a sentence.
    Unusable(String),
}

/// The gear's environment without the programs of the environment in `place`: what is looked for to
/// make that, or to run beside it, must not be found inside.
#[must_use]
pub fn outside(place: &Utf8Path, env: &GearEnv) -> GearEnv {
    let Some(path) = env.get("PATH") else { return env.clone() };
    let programs = place.join("bin");
    let really = programs.canonicalize_utf8().ok();
    let inside = |directory: &[u8]| {
        let directory = std::str::from_utf8(directory).unwrap_or_default().trim_end_matches('/');
        directory == programs || really.as_deref().is_some_and(|really| directory == really)
    };
    let left: Vec<&[u8]> =
        path.as_bytes().split(|byte| *byte == b':').filter(|d| !inside(d)).collect();
    env.clone().with("PATH", OsStr::from_bytes(&left.join(&b':')))
}

/// What a program of an environment gets: its programs first on the PATH, output at once, and
/// nothing that would bind it to another Python. `PYTHONPATH` stays as people set it.
#[must_use]
pub fn environment_for(venv: &VirtualEnv, env: &GearEnv) -> GearEnv {
    const WITHOUT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
    let mut env = outside(venv.dir(), env).for_service();
    for foreign in ["PYTHONHOME", "__PYVENV_LAUNCHER__"] {
        env.remove(foreign);
    }
    let mut path = std::ffi::OsString::from(venv.bin().as_str());
    path.push(":");
    path.push(match env.get("PATH") {
        Some(old) if !old.is_empty() => old,
        _ => OsStr::new(WITHOUT_PATH),
    });
    env.set("PATH", path);
    env.set("VIRTUAL_ENV", venv.dir().as_str());
    env.set("PYTHONUNBUFFERED", "1");
    env
}

#[cfg(test)]
mod tests;
