//! Finding a Python on the machine.
//!
//! A name on the PATH proves nothing: a pyenv shim exists for every version that any of its
//! Pythons has and fails when it is run, `python3` may belong to somebody's active virtualenv, a
//! distribution may ship Python without `venv`. So each candidate is really run, and asked.

mod error;
mod search;
pub mod specifiers;

use std::fmt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, run};
use semver::Version;

pub use error::InterpreterError;
pub(crate) use error::{debian_packages, program_name};
pub(crate) use search::there;
use specifiers::Specifiers;

/// The oldest minor version of Python 3 that the launchers and our packages are made for.
pub const OLDEST_MINOR: u64 = 6;

/// A shim that looks for its Python over a network mount is slow, but not slower than this.
const LIMIT: Duration = Duration::from_secs(15);

/// Runs under any Python, 2 included, and prints four lines: version, the executable behind
/// whatever virtualenv it was called from, and whether `venv` and `ensurepip` are there. Whatever
/// tells it from a release of CPython stands behind the version's numbers.
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
stage = {'alpha': '-a%d', 'beta': '-b%d', 'candidate': '-rc%d'}.get(sys.version_info[3], '')
kind = getattr(getattr(sys, 'implementation', None), 'name', 'cpython').replace('cpython', '')
if 't' in getattr(sys, 'abiflags', ''):
    kind = 'free-threaded'
version = '%d.%d.%d' % sys.version_info[:3]
print(version + (stage and stage % sys.version_info[4]) + (kind and '+' + kind))
print(os.path.realpath(executable))
print(has('venv'))
print(has('ensurepip'))
";

/// What a Python is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any Python 3 that is new enough.
    Any,
    /// A minor version; best this very release of it.
    Version {
        /// `N` of `3.N`.
        minor: u64,
        /// `P` of `3.N.P`.
        patch: Option<u64>,
    },
    /// The newest that is allowed.
    Newest(Specifiers),
}

impl Wanted {
    /// What a software version of the cartridge stands for: `3`, any Python 3, or `3.N` with N at least
    /// [`OLDEST_MINOR`].
    ///
    /// # Errors
    /// [`InterpreterError::UnknownVersion`] for anything else.
    pub fn of_software(version: &str) -> Result<Self, InterpreterError> {
        let minor = match version.trim().split_once('.') {
            None if version.trim() == "3" => return Ok(Self::Any),
            Some(("3", minor)) => minor.parse().ok().filter(|minor| *minor >= OLDEST_MINOR),
            _ => None,
        };
        minor.map(|minor| Self::Version { minor, patch: None }).ok_or_else(|| {
            InterpreterError::UnknownVersion { version: version.to_owned(), there: String::new() }
        })
    }

    /// Whether a Python of this version will do: of a release, its minor version counts.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        version.major == 3
            && version.minor >= OLDEST_MINOR
            && match self {
                Self::Any => true,
                Self::Version { minor, .. } => *minor == version.minor,
                Self::Newest(specifiers) => specifiers.allow(version),
            }
    }

    /// Whether no other that [matches](Self::matches) would be better: neither another release, nor
    /// a final one instead of this pre-release, nor an ordinary one instead of this free-threaded
    /// one or another implementation. The `python3` of the PATH is somebody's choice as it is.
    #[must_use]
    pub fn is_best(&self, version: &Version) -> bool {
        let is_ordinary = version.pre.is_empty() && version.build.is_empty();
        match self {
            Self::Any => true,
            Self::Version { patch, .. } => is_ordinary && patch.is_none_or(|p| p == version.patch),
            Self::Newest(_) => is_ordinary,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("3"),
            Self::Version { minor, patch: None } => write!(f, "3.{minor}"),
            Self::Version { minor, patch: Some(patch) } => write!(f, "3.{minor}.{patch}"),
            Self::Newest(specifiers) => write!(f, "{specifiers}"),
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
/// Any is the `python3` that comes first on the PATH and works; else the newest `python3.N`.
/// A version is a `python3.N`; else a `python3` or `python` that turns out to be one. The newest is
/// the newest `python3.N` that is allowed. Besides the PATH, places where Pythons usually are count.
/// One that cannot make virtual environments is passed over when there is one that can, and one that
/// is not the [best](Wanted::is_best) when there is a better one.
///
/// # Errors
/// [`InterpreterError::NotFound`], [`InterpreterError::TooOld`] or
/// [`InterpreterError::NoVenv`], each with what was looked for and the remedy.
pub fn find(wanted: &Wanted, env: &GearEnv) -> Result<Interpreter, InterpreterError> {
    search::Search::of_gear(env).find(wanted)
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
    search::list(&there(env))
}

#[cfg(test)]
mod tests;
