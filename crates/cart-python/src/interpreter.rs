//! Finding the Python that the cartridge's software version asks for.
//!
//! A name on the PATH proves nothing: a pyenv shim exists for every version that any of its
//! Pythons has and fails when it is run, `python3` may belong to somebody's active virtualenv, a
//! distribution may ship Python without `venv`. So each candidate is really run, and asked.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, programs, run};
use semver::Version;

/// The oldest minor version of Python 3 that the launchers and our packages are made for.
pub const OLDEST_MINOR: u64 = 6;

/// The newest that is looked for by name; `python3` alone finds any.
const NEWEST_MINOR: u64 = 29;

/// Where Pythons are that are often not on a gear's PATH.
const USUAL_DIRECTORIES: &[&str] = &["/usr/local/bin"];

/// Software collections of Red Hat, one Python each.
const COLLECTIONS: &str = "/opt/rh";

/// A shim that looks for its Python over a network mount is slow, but not slower than this.
const LIMIT: Duration = Duration::from_secs(15);

/// How long Pythons are looked for only to be named.
const LIST_LIMIT: Duration = Duration::from_secs(5);

/// Runs under any Python, 2 included, and prints four lines: version, the executable behind
/// whatever virtualenv it was called from, and whether `venv` and `ensurepip` are there.
const QUESTION: &str = r"
import os, sys
executable = getattr(sys, '_base_executable', None) or sys.executable
base = getattr(sys, 'real_prefix', None) or getattr(sys, 'base_prefix', sys.prefix)
if base != sys.prefix and executable == sys.executable:
    executable = os.path.join(base, 'bin', 'python%d.%d' % sys.version_info[:2])
def has(module):
    try:
        __import__(module)
        return 'yes'
    except Exception:
        return 'no'
print('%d.%d.%d' % sys.version_info[:3])
print(os.path.realpath(executable))
print(has('venv'))
print(has('ensurepip'))
";

/// A software version of the cartridge: `3`, any Python 3, or `3.N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonVersion {
    minor: Option<u64>,
}

/// Any Python 3 that is new enough.
const ANY: PythonVersion = PythonVersion { minor: None };

impl PythonVersion {
    /// Reads `3` or `3.N` with N at least [`OLDEST_MINOR`].
    ///
    /// # Errors
    /// [`InterpreterError::UnknownVersion`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InterpreterError> {
        let minor = match text.trim().split_once('.') {
            None if text.trim() == "3" => Some(None),
            Some(("3", minor)) => minor.parse().ok().filter(|m| *m >= OLDEST_MINOR).map(Some),
            _ => None,
        };
        minor.map(|minor| Self { minor }).ok_or_else(|| InterpreterError::UnknownVersion {
            version: text.to_owned(),
            there: String::new(),
        })
    }

    /// Whether a Python of this version is what was asked for.
    #[must_use]
    pub fn matches(self, version: &Version) -> bool {
        version.major == 3
            && version.minor >= OLDEST_MINOR
            && self.minor.is_none_or(|minor| minor == version.minor)
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            None => f.write_str("3"),
            Some(minor) => write!(f, "3.{minor}"),
        }
    }
}

/// A Python that was run and told these things of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Its version.
    pub version: Version,
    /// Its executable, links resolved; never that of a virtualenv.
    pub executable: Utf8PathBuf,
    /// Whether it can make virtual environments.
    pub makes_environments: bool,
}

/// Finds the interpreter for `wanted` as the gear with `env` sees it.
///
/// `3` is the `python3` that comes first on the PATH and works; else the newest `python3.N`.
/// `3.N` is a `python3.N`; else a `python3` or `python` that turns out to be one. Besides the
/// PATH, places where Pythons usually are count. One that cannot make virtual environments is
/// passed over when there is one that can.
///
/// # Errors
/// [`InterpreterError::NotFound`], [`InterpreterError::TooOld`] or
/// [`InterpreterError::NoVenv`], each with what was looked for and the remedy.
pub fn find(wanted: PythonVersion, env: &GearEnv) -> Result<Interpreter, InterpreterError> {
    Search::of_gear(env).find(wanted)
}

/// Runs `program` and asks what it is; `None` when it is no Python that works.
#[must_use]
pub fn ask(program: &Utf8Path, env: &GearEnv) -> Option<Interpreter> {
    // -E and -s: variables and the user's own packages must not change the answer.
    let command = CommandSpec::new(program, &env.for_service()).args(["-E", "-s", "-c", QUESTION]);
    let answer = run::checked(&command, LIMIT).ok()?.stdout_text();
    let mut lines = answer.lines();
    let version = Version::parse(lines.next()?).ok()?;
    let executable = Utf8PathBuf::from(lines.next()?);
    let makes_environments = lines.next()? == "yes" && lines.next()? == "yes";
    executable.is_absolute().then_some(Interpreter { version, executable, makes_environments })
}

/// The Pythons that can serve an app, as people read it; empty when there is none. It takes a few
/// seconds at most.
#[must_use]
pub fn on_offer(env: &GearEnv) -> String {
    let there = Search::of_gear(env).there();
    let usable = there.into_iter().filter(|(version, _)| ANY.matches(version));
    list(&usable.collect::<Vec<_>>())
}

/// Where to look, beside the PATH.
struct Search<'a> {
    env: &'a GearEnv,
    more: Vec<String>,
}

impl<'a> Search<'a> {
    fn of_gear(env: &'a GearEnv) -> Self {
        let mut more: Vec<String> = USUAL_DIRECTORIES.iter().map(|d| (*d).to_owned()).collect();
        more.extend(below(COLLECTIONS.into(), "root/usr/bin"));
        for manager in version_managers(env) {
            more.extend(below(manager.join("versions"), "bin"));
            more.extend(below(manager.join("installs/python"), "bin"));
        }
        Self { env, more }
    }

    fn find(&self, wanted: PythonVersion) -> Result<Interpreter, InterpreterError> {
        let mut without_venv = None;
        for interpreter in self.candidates(wanted) {
            if !wanted.matches(&interpreter.version) {
                continue;
            }
            if interpreter.makes_environments {
                return Ok(interpreter);
            }
            without_venv.get_or_insert(interpreter);
        }
        Err(match without_venv {
            Some(interpreter) => InterpreterError::no_venv(interpreter),
            None => self.not_found(wanted),
        })
    }

    /// Every different Python under the names that fit, best first; run one by one, as needed.
    fn candidates(&self, wanted: PythonVersion) -> impl Iterator<Item = Interpreter> {
        let mut seen = HashSet::new();
        self.programs(wanted)
            .into_iter()
            .filter_map(|program| ask(&program, self.env))
            .filter(move |interpreter| seen.insert(interpreter.executable.clone()))
    }

    fn programs(&self, wanted: PythonVersion) -> Vec<Utf8PathBuf> {
        let more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        let on_path = |name: &str| programs::all(name, self.env, &[]);
        let anywhere = |name: &str| programs::all(name, self.env, &more);
        let mut found = match wanted.minor {
            None => on_path("python3"),
            Some(minor) => anywhere(&format!("python3.{minor}")),
        };
        if wanted.minor.is_none() {
            let newest_first = (OLDEST_MINOR..=NEWEST_MINOR).rev();
            found.extend(newest_first.flat_map(|minor| anywhere(&format!("python3.{minor}"))));
        }
        found.extend(["python3", "python"].into_iter().flat_map(anywhere));
        found
    }

    fn not_found(&self, wanted: PythonVersion) -> InterpreterError {
        let there = self.there();
        let usable = there.iter().any(|(version, _)| ANY.matches(version));
        match there.last() {
            Some((version, executable)) if !usable => InterpreterError::TooOld {
                version: version.clone(),
                executable: executable.clone(),
            },
            _ => InterpreterError::NotFound {
                wanted,
                looked_in: self.directories(),
                there: list(&there),
            },
        }
    }

    /// The Pythons that are found in a few seconds, the oldest first: for messages, which a person
    /// waits for.
    fn there(&self) -> Vec<(Version, Utf8PathBuf)> {
        let started = Instant::now();
        let in_time = self.candidates(ANY).take_while(|_| started.elapsed() < LIST_LIMIT);
        let mut there: Vec<_> = in_time.map(|i| (i.version, i.executable)).collect();
        there.sort();
        there
    }

    fn directories(&self) -> String {
        let path = self.env.get("PATH").unwrap_or_default().to_string_lossy();
        let mut seen = HashSet::new();
        path.split(':')
            .chain(self.more.iter().map(String::as_str))
            .filter(|directory| !directory.is_empty() && seen.insert(*directory))
            .collect::<Vec<_>>()
            .join(":")
    }
}

/// The folders of version managers (pyenv, asdf, mise): the one that PYENV_ROOT names, the one in
/// the home directory, and those whose `shims` are on the PATH.
fn version_managers(env: &GearEnv) -> Vec<Utf8PathBuf> {
    let named = env.text("PYENV_ROOT").ok().flatten().map(Utf8PathBuf::from);
    let home = env.text("HOME").ok().flatten();
    let path = env.text("PATH").ok().flatten().unwrap_or_default();
    let shims = path
        .split(':')
        .filter_map(|d| d.trim_end_matches('/').strip_suffix("/shims"))
        .map(Utf8PathBuf::from);
    let mut folders: Vec<_> = named
        .into_iter()
        .chain(home.map(|h| Utf8Path::new(h).join(".pyenv")))
        .chain(shims)
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// `folder/*/inner`, the last in the alphabet first, as far as they exist.
fn below(folder: Utf8PathBuf, inner: &str) -> Vec<String> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path().join(inner))
        .filter(|path| path.is_dir())
        .map(Utf8PathBuf::into_string)
        .collect();
    found.sort();
    found.reverse();
    found
}

fn list(there: &[(Version, Utf8PathBuf)]) -> String {
    there
        .iter()
        .map(|(version, executable)| format!("{version} ({executable})"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// No interpreter to build on.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InterpreterError {
    /// The cartridge has no such version.
    #[error(
        "the software version {version:?} is {}: it is `3`, or `3.{OLDEST_MINOR}` or newer{}",
        if is_python_2(.version) { "not supported, Python 2 is served no more" } else { "unknown" },
        if .there.is_empty() { String::new() } else { format!("; there is Python {there}") }
    )]
    UnknownVersion {
        /// What was asked for.
        version: String,
        /// Which Pythons there are, as people read it; empty where nobody looked.
        there: String,
    },
    /// No Python of this version was found.
    #[error(
        "Python {wanted} was not found in {looked_in}{}. Install it: `apt-get install {}` \
         or `dnf install {}`",
        if .there.is_empty() { String::new() } else { format!("; there is {there}") },
        debian_packages(*.wanted),
        program_name(*.wanted)
    )]
    NotFound {
        /// What was asked for.
        wanted: PythonVersion,
        /// The directories, colon-separated.
        looked_in: String,
        /// Which Pythons there are, as people read it; empty when there is none.
        there: String,
    },
    /// There is only one that is too old for any software version.
    #[error(
        "Python {version} ({executable}) is too old: 3.{OLDEST_MINOR} or newer is needed. Install \
         it: `apt-get install python3 python3-venv` or `dnf install python3`"
    )]
    TooOld {
        /// The newest that was found.
        version: Version,
        /// Where it is.
        executable: Utf8PathBuf,
    },
    /// It works, but cannot make virtual environments; Debian packs that part separately.
    #[error(
        "Python {version} ({executable}) cannot make virtual environments: its modules `venv` and \
         `ensurepip` are not installed. Install them: `apt-get install python3-venv` (or \
         `python{}.{}-venv`), or `dnf install python3-pip`",
        .version.major,
        .version.minor
    )]
    NoVenv {
        /// Its version.
        version: Version,
        /// Where it is.
        executable: Utf8PathBuf,
    },
}

impl InterpreterError {
    /// For an unknown version: with the Pythons that there are, which takes a moment to find out.
    #[must_use]
    pub fn naming_what_is_there(self, env: &GearEnv) -> Self {
        match self {
            Self::UnknownVersion { version, .. } => {
                Self::UnknownVersion { version, there: on_offer(env) }
            }
            other => other,
        }
    }

    fn no_venv(interpreter: Interpreter) -> Self {
        Self::NoVenv { version: interpreter.version, executable: interpreter.executable }
    }
}

fn is_python_2(version: &str) -> bool {
    version == "2" || version.starts_with("2.")
}

fn program_name(wanted: PythonVersion) -> String {
    match wanted.minor {
        None => "python3".to_owned(),
        Some(minor) => format!("python3.{minor}"),
    }
}

fn debian_packages(wanted: PythonVersion) -> String {
    let name = program_name(wanted);
    format!("{name} {name}-venv")
}

#[cfg(test)]
mod tests;
