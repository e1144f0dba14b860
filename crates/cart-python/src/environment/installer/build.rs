//! Packages that must be compiled and cannot be: why not, and which would not have to be.

use std::fmt;

use crate::environment::interpreter::OLDEST_MINOR;
use crate::packages::spelling::{comparable, normalized};

/// A package that could not be built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unbuilt {
    /// The package as the installer names it, if that can be told.
    pub name: Option<String>,
    /// Its version, if that can be told.
    pub version: Option<String>,
    /// `requirements.txt, line 3`, if it is asked for there.
    pub place: Option<String>,
    /// Why it could not be built.
    pub cause: Cause,
    /// The Python it was to be built for, such as `3.13`.
    pub python: Option<String>,
    /// What there is compiled.
    pub wheels: Wheels,
}

/// Why a package could not be built.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is no C compiler.
    #[error("there is no C compiler")]
    Compiler,
    /// There is no Rust compiler.
    #[error("there is no Rust compiler")]
    Rust,
    /// A header is missing.
    #[error("the header {0} is missing")]
    Header(String),
    /// A library is missing.
    #[error("the library {0} is missing")]
    Library(String),
    /// A program is missing.
    #[error("the program {0} is missing")]
    Program(String),
    /// None of that: its code, or its way of being built, does not fit.
    #[error("its code does not fit, most often because it is older")]
    #[default]
    Code,
}

/// What a package index offers compiled of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wheels {
    /// The newest version for this Python.
    pub newest: Option<String>,
    /// The newest Python that has the version asked for, such as `3.8`.
    pub python: Option<String>,
}

const NO_COMPILER: &[&str] = &[
    "unable to execute 'gcc'",
    "unable to execute 'cc'",
    "-gcc': No such file",
    "gcc' failed: No such file",
    "cc' failed: No such file",
    "No such file or directory: 'gcc'",
    "No such file or directory: 'cc'",
    "gcc: not found",
    "gcc: command not found",
    "No CMAKE_C_COMPILER could be found",
    "Unknown compiler(s)",
];
const NO_RUST: &[&str] =
    &["can't find Rust compiler", "Cargo, the Rust package manager, is not installed"];
/// Where pip says that a build failed, and not what was needed for it.
const BUILD: &[&str] = &[
    "Failed building wheel for ",
    "metadata-generation-failed",
    "Getting requirements to build wheel did not run successfully",
    "Preparing metadata (pyproject.toml) did not run successfully",
    "python setup.py egg_info did not run successfully",
    "when getting requirements to build wheel",
    "when generating package metadata",
    LEGACY,
];
/// How pip before 23.1 built what had no pyproject.toml, when there was no `wheel`.
const LEGACY: &str = "legacy-install-failure";

impl Unbuilt {
    /// Some package that could not be built, for what `lines` tell.
    #[must_use]
    pub(super) fn because(lines: &[String]) -> Self {
        Self { cause: Cause::of(lines), ..Self::default() }
    }

    /// The package that could not be built, if that is what `lines`, all that pip printed, tell.
    #[must_use]
    pub fn of(lines: &[String]) -> Option<Self> {
        let cause = Cause::of(lines);
        let failed = lines.iter().position(|line| BUILD.iter().any(|word| line.contains(word)));
        let (name, version) = package(lines, failed.unwrap_or(lines.len()));
        // What the app itself is, or lies in its repository, is nobody's wheel.
        let is_build = failed.is_some() && name.is_some();
        let found = Self { name, version, cause, ..Self::default() };
        (is_build || found.cause != Cause::Code).then_some(found)
    }
}

impl Cause {
    fn of(lines: &[String]) -> Self {
        let said = |words: &[&str]| lines.iter().any(|l| words.iter().any(|w| l.contains(w)));
        let find = |read: fn(&str) -> Option<&str>| {
            lines.iter().find_map(|line| read(line)).map(str::to_owned)
        };
        if let Some(header) = find(header) {
            Self::Header(header)
        } else if said(NO_RUST) {
            Self::Rust
        } else if said(NO_COMPILER) {
            Self::Compiler
        } else if let Some(library) =
            find(|line| line.split_once("cannot find -l")?.1.split([':', ' ']).next())
        {
            Self::Library(library)
        } else if let Some(program) = find(program) {
            Self::Program(program)
        } else {
            Self::Code
        }
    }

    /// What to install.
    fn remedy(&self) -> Option<String> {
        let c = "`apt-get install gcc python3-dev` or `dnf install gcc python3-devel`";
        Some(match self {
            Self::Compiler => format!("install what is missing: {c}"),
            Self::Header(header) if header == "Python.h" => format!("install what is missing: {c}"),
            Self::Rust => "install `rustc` and `cargo`".to_owned(),
            Self::Header(it) | Self::Library(it) | Self::Program(it) => {
                format!("install the development package that {it} belongs to")
            }
            Self::Code => return None,
        })
    }
}

/// `x.h` in `fatal error: x.h: No such file or directory`, as GCC has it, or `'x.h' file not found`.
fn header(line: &str) -> Option<&str> {
    let rest = line.split_once("fatal error: ")?.1;
    let gcc = rest.strip_suffix(": No such file or directory");
    gcc.or_else(|| rest.strip_prefix('\'')?.split_once("' file not found").map(|(name, _)| name))
}

/// `pg_config` in `pg_config executable not found`, `mysql_config not found` and the like.
fn program(line: &str) -> Option<&str> {
    let words = ["executable not found", "_config: not found", "_config not found"];
    words.iter().any(|word| line.contains(word)).then_some(())?;
    line.split([' ', ':', '\'']).find(|word| word.ends_with("_config"))
}

/// Name and version of what was built at `failed`: pip names the one, or both before.
fn package(lines: &[String], failed: usize) -> (Option<String>, Option<String>) {
    let named = lines.iter().find_map(|line| {
        let wheel = line.split_once("Failed building wheel for ").map(|(_, name)| name.trim());
        wheel.or_else(|| line.split_once("Failed to build '")?.1.split('\'').next())
    });
    // One that lies in the app's repository as a folder is nobody's wheel.
    let begun = || {
        let begins = |line: &&String| {
            ["Collecting ", "Processing ", "Obtaining "].iter().any(|b| line.trim().starts_with(b))
        };
        let line = lines[..failed].iter().rev().find(begins)?.trim();
        match line.strip_prefix("Collecting ") {
            Some(asked) => asked.split([' ', '=', '<', '>', '!', '~', '[', ';']).next(),
            None => source(line).map(|(name, _)| name),
        }
    };
    let legacy = || {
        let downloaded = |name: &&str| {
            let it = normalized(name);
            lines.iter().filter_map(|line| source(line)).any(|(it_is, _)| normalized(it_is) == it)
        };
        lines.iter().find_map(|line| legacy(line)).filter(downloaded)
    };
    let Some(name) = named.or_else(legacy).or_else(begun) else { return (None, None) };
    let is_it = |(package, _): &(&str, &str)| normalized(package) == normalized(name);
    let version = lines.iter().filter_map(|line| source(line)).find(is_it);
    (Some(name.to_owned()), version.map(|(_, version)| version.to_owned()))
}

/// `x` in `Running setup.py install for x did not run successfully.`
fn legacy(line: &str) -> Option<&str> {
    let rest = line.split_once("Running setup.py install for ")?.1;
    rest.split_once(" did not run successfully").map(|(name, _)| name)
}

/// Name and version in `Downloading NAME-VERSION.tar.gz (...)`, `Using cached` or `Processing` one.
fn source(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let words = ["Downloading ", "Using cached ", "Processing "];
    let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
    let file = rest.split(' ').next()?.rsplit('/').next()?;
    let stem = [".tar.gz", ".zip", ".tar.bz2"].iter().find_map(|end| file.strip_suffix(end))?;
    stem.rsplit_once('-')
}

impl Wheels {
    /// What pip found when it was asked, with `-vv`, for nothing but wheels of `name`; `version` is
    /// the one that was asked for.
    #[must_use]
    pub fn of(printed: &str, name: &str, version: Option<&str>) -> Self {
        let mut newest: Option<&str> = None;
        let mut minor: Option<u64> = None;
        for line in printed.lines() {
            let files =
                line.split([' ', '/', '#', ',']).filter_map(|word| word.strip_suffix(".whl"));
            for wheel in files.filter_map(Wheel::parse) {
                if normalized(wheel.name) != normalized(name) {
                    continue;
                }
                let stable = !wheel.version.contains(|c: char| c.is_ascii_alphabetic());
                if line.contains("Found link ") && stable {
                    let newer = |old: &&str| comparable(old) >= comparable(wheel.version);
                    newest = newest.filter(newer).or(Some(wheel.version));
                }
                if Some(wheel.version) == version && wheel.fits_this_system() {
                    minor = minor.max(wheel.minor());
                }
            }
        }
        Self {
            newest: newest.filter(|newest| Some(*newest) != version).map(str::to_owned),
            python: minor.map(|minor| format!("3.{minor}")),
        }
    }
}

/// `NAME-VERSION-PYTHON-ABI-PLATFORM`
struct Wheel<'a> {
    name: &'a str,
    version: &'a str,
    python: &'a str,
    platform: &'a str,
}

impl<'a> Wheel<'a> {
    fn parse(stem: &'a str) -> Option<Self> {
        let mut parts = stem.split('-');
        let (name, version) = (parts.next()?, parts.next()?);
        let platform = parts.next_back()?;
        let (_abi, python) = (parts.next_back()?, parts.next_back()?);
        Some(Self { name, version, python, platform })
    }

    fn fits_this_system(&self) -> bool {
        let here =
            self.platform.contains("manylinux") && self.platform.contains(std::env::consts::ARCH);
        here || self.platform == "any"
    }

    /// The newest Python it is for, if that is one of those that are served.
    fn minor(&self) -> Option<u64> {
        let minors = self.python.split('.').filter_map(|tag| tag.strip_prefix("cp3")?.parse().ok());
        minors.filter(|minor| *minor >= OLDEST_MINOR).max()
    }
}

/// Why, and what to do about it.
impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, place, cause, python, wheels } = self;
        let python = python.as_deref().map_or("this Python".to_owned(), |p| format!("Python {p}"));
        let place = place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
        let versioned = |version: &Option<String>| {
            let name = name.as_deref().unwrap_or("it");
            version.as_deref().map_or(name.to_owned(), |version| format!("{name} {version}"))
        };
        match name {
            Some(_) => write!(
                f,
                "{}{place} is not delivered compiled (as a wheel) for {python}, and cannot be built \
                 here: ",
                versioned(version)
            )?,
            None => write!(f, "a package must be built for {python}, and cannot be: ")?,
        }
        write!(f, "{cause}")?;
        let mut remedies = Vec::new();
        if wheels.newest.is_some() {
            remedies.push(format!("ask for {}, which has a wheel", versioned(&wheels.newest)));
        }
        if let Some(other) = &wheels.python {
            remedies.push(format!("use Python {other}, for which {} has one", versioned(version)));
        }
        remedies.extend(cause.remedy());
        if remedies.is_empty() {
            remedies.push(format!(
                "ask for another version of {}, or use another Python",
                versioned(&None)
            ));
        }
        let remedies = remedies.join(", or ");
        let (first, rest) = remedies.split_at(1);
        write!(f, ". {}{rest}", first.to_uppercase())
    }
}

#[cfg(test)]
mod tests;
