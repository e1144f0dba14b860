//! What is said when there is no Python to build on.

use camino::Utf8PathBuf;
use cart_core::GearEnv;
use semver::Version;

use super::search::{list, there};
use super::{OLDEST_MINOR, Wanted};

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
        debian_packages(.wanted),
        program_name(.wanted)
    )]
    NotFound {
        /// What was asked for.
        wanted: Wanted,
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
                Self::UnknownVersion { version, there: list(&there(env)) }
            }
            other => other,
        }
    }
}

fn is_python_2(version: &str) -> bool {
    version == "2" || version.starts_with("2.")
}

/// How Red Hat calls the package of it; Debian has its `-venv` beside that.
pub(crate) fn program_name(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Any | Wanted::Newest(_) => "python3".to_owned(),
        Wanted::Version { minor, .. } => format!("python3.{minor}"),
    }
}

/// How Debian calls the packages of it.
pub(crate) fn debian_packages(wanted: &Wanted) -> String {
    let name = program_name(wanted);
    format!("{name} {name}-venv")
}
