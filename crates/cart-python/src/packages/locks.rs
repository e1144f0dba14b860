//! Packages as people lock them: `uv.lock`, `pylock.toml`, `poetry.lock`, `pdm.lock`,
//! `Pipfile.lock`, and a Pipfile that has no lock.
//!
//! Each file becomes one list of requirements, `name==version ; marker --hash=...`, that any
//! installer takes without looking for dependencies of its own. So the version that is locked is
//! the one installed, its hashes bind, and yet everything that says where packages come from (the
//! mirror, more indexes, certificates, a folder of wheels) holds: the URLs in a lock are not used.
//! Of extras and groups only what a plain installation has is taken, never those of development.

mod asked;
mod formats;
mod marker;
mod origin;
pub(crate) mod range;
mod said;
mod sources;
mod text;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::{self, FileError};
use toml::{Spanned, Table};

pub(crate) use self::asked::{Asked, by_pyproject};
use self::formats::{pdm, pipfile, pipfile_lock, poetry, pylock, uv};
pub(crate) use self::marker::{Marker, MarkerError};
pub(crate) use self::origin::Origin;
pub(crate) use self::origin::anywhere;
pub(crate) use self::said::indexes;
pub(crate) use self::sources::placed;
pub(crate) use self::text::is_same;
use crate::packages::requirements::{Python, Requirements};
use crate::variables::names::REQUIREMENTS_PATH;

/// No real lock is longer, whatever it lists.
const LONGEST: u64 = 16 * 1024 * 1024;
/// Nor has one more packages.
const MOST_PACKAGES: usize = 20_000;

/// The kinds of files that list packages and that no installer reads, in the order in which they
/// are preferred to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `uv.lock`
    Uv,
    /// `pylock.toml`, `pylock.NAME.toml`
    Pylock,
    /// `poetry.lock`
    Poetry,
    /// `pdm.lock`
    Pdm,
    /// `Pipfile.lock`
    PipfileLock,
    /// A Pipfile, which locks nothing.
    Pipfile,
}

impl Format {
    /// All of them that lock, the preferred first, each with the name of its file.
    pub(crate) const LOCKS: [(Self, &'static str); 5] = [
        (Self::Uv, "uv.lock"),
        (Self::Pylock, "pylock.toml"),
        (Self::Poetry, "poetry.lock"),
        (Self::Pdm, "pdm.lock"),
        (Self::PipfileLock, "Pipfile.lock"),
    ];

    /// The name of the file that locks nothing.
    pub(crate) const PIPFILE: &'static str = "Pipfile";

    /// What a file of this name is, if it is one of them.
    pub(crate) fn of(file: &Utf8Path) -> Option<Self> {
        let name = file.file_name()?;
        if name == Self::PIPFILE {
            return Some(Self::Pipfile);
        }
        if name.starts_with("pylock.") && name.ends_with(".toml") {
            return Some(Self::Pylock);
        }
        Self::LOCKS.iter().find(|(_, usual)| *usual == name).map(|(format, _)| *format)
    }

    /// The file beside it that says what was to be locked.
    fn wishes(self) -> &'static str {
        match self {
            Self::Pipfile | Self::PipfileLock => Self::PIPFILE,
            Self::Uv | Self::Pylock | Self::Poetry | Self::Pdm => "pyproject.toml",
        }
    }
}

/// A package of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    /// As it is written.
    pub name: String,
    /// Its extras, where nothing is locked: a lock has what they bring as packages of their own.
    pub extras: Vec<String>,
    /// Its version, or where else it comes from.
    pub origin: Origin,
    /// Where it is wanted.
    pub marker: Marker,
    /// `sha256:...`, of every file of it.
    pub hashes: Vec<String>,
    /// Where in the file it stands, in bytes.
    pub at: usize,
    /// The package index that it was found in.
    pub index: Option<String>,
}

/// What a lock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// What is to be installed.
    pub packages: Vec<Locked>,
    /// On which Python.
    pub python: Option<Python>,
}

/// Reads a lock. Nothing else is looked at: `wishes` is the text of the `pyproject.toml` beside it,
/// parsed, which two formats need.
pub(crate) fn parse(format: Format, text: &str, wishes: Option<&Table>) -> Result<Content, Fault> {
    match format {
        Format::Uv => uv::read(text),
        Format::Pylock => pylock::read(text),
        Format::Poetry => poetry::read(text, wishes),
        Format::Pdm => pdm::read(text, wishes),
        Format::PipfileLock => pipfile_lock::read(text),
        Format::Pipfile => Ok(Content { packages: Vec::new(), python: None }),
    }
}

/// Reads `file`, of this format, of the app in `repo`, as requirements.
///
/// # Errors
/// [`LockError`] naming the file, and the line where one is at fault.
pub(crate) fn read(
    repo: &Utf8Path,
    file: &Utf8Path,
    format: Format,
    env: &GearEnv,
) -> Result<Requirements, LockError> {
    let bytes = content(file)?;
    let failed = |fault: Fault| fault.of(file, &bytes);
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| failed(Fault::plain("it is not UTF-8").at(error.valid_up_to())))?;
    let folder = file.parent().unwrap_or(repo);
    if format == Format::Pipfile {
        let asked = pipfile::read(text).map_err(failed)?;
        let table = toml::from_str(text).map_err(|error| failed(Fault::from(error)))?;
        let mut requirements = text::of_asked(repo, file, text, &asked);
        if let Some(converted) = &mut requirements.converted {
            converted.said = indexes(Format::PIPFILE, &table, env);
        }
        return Ok(requirements);
    }
    let wishes = folder.join(format.wishes());
    let wishes = match files::read_if_exists(&wishes)? {
        Some(bytes) => toml::from_slice::<Table>(&bytes).ok(),
        None => None,
    };
    let content = parse(format, text, wishes.as_ref()).map_err(failed)?;
    if content.packages.len() > MOST_PACKAGES {
        return Err(failed(Fault::plain(&format!("it has more than {MOST_PACKAGES} packages"))));
    }
    content.packages.iter().try_for_each(text::check).map_err(failed)?;
    let mut requirements = text::of_locked(repo, file, text, &content).map_err(failed)?;
    if let Some(converted) = &mut requirements.converted {
        converted.covers_project |= format != Format::PipfileLock;
        let missing = said::not_locked(format, wishes.as_ref(), &requirements.packages);
        converted.said.extend(said::stale(file, format, &missing));
        converted.said.extend(said::other_indexes(&content.packages, env));
    }
    Ok(requirements)
}

/// Reads the dependencies of a `pyproject.toml` that is not the repository's, as requirements.
///
/// # Errors
/// [`LockError`] naming the file, and the line where one is at fault.
pub(crate) fn read_pyproject(repo: &Utf8Path, file: &Utf8Path) -> Result<Requirements, LockError> {
    let bytes = content(file)?;
    let asked = || {
        let pyproject: Table = toml::from_slice(&bytes)?;
        let mut found = Vec::new();
        for asked in by_pyproject(&pyproject)?.unwrap_or_default() {
            let placed = placed(&asked, &pyproject, file.parent().unwrap_or(repo))?;
            found.extend(placed.unwrap_or_else(|| vec![asked]));
        }
        Ok(found)
    };
    let asked = asked().map_err(|fault: Fault| fault.of(file, &bytes))?;
    Ok(text::of_asked(repo, file, &String::from_utf8_lossy(&bytes), &asked))
}

/// What a file holds. One that never ends is not read.
fn content(file: &Utf8Path) -> Result<Vec<u8>, LockError> {
    let metadata = std::fs::metadata(file).map_err(|e| FileError::new("look at", file, e))?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(LockError::NoFile { file: file.to_owned() });
    }
    Ok(files::read(file)?)
}

/// What is wrong in a file, before it is known which file that is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    place: Place,
    message: String,
}

/// Where in a file something is wrong.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Byte(usize),
    /// From 1.
    Line(usize),
    /// It is about all of it.
    Whole,
}

impl Fault {
    fn plain(message: &str) -> Self {
        Self { place: Place::Byte(0), message: message.to_owned() }
    }

    fn at(self, at: usize) -> Self {
        Self { place: Place::Byte(at), ..self }
    }

    /// That the file is of a version that nobody here knows: `key` says another than `known`.
    fn version(key: &str, found: Option<String>, known: &str, tool: &str) -> Self {
        let found = found.map_or_else(|| "missing".to_owned(), |found| format!("`{found}`"));
        let message = format!(
            "`{key}` is {found}, and only {known} is known here. Write the file with a version of \
             `{tool}` that writes that, or name another file by {}",
            REQUIREMENTS_PATH.name
        );
        Self { place: Place::Whole, message }
    }

    /// The condition in what stands at `at`, if there is one.
    fn condition(text: Option<&str>, groups: &[String], at: usize) -> Result<Marker, Self> {
        let marker = text.map_or(Ok(Marker::always()), |text| Marker::parse(text, groups));
        marker.map_err(|error| Self::from(error).at(at))
    }

    fn unversioned(name: &Spanned<String>) -> Self {
        let message = format!("`{}` has neither a version nor another source", name.as_ref());
        Self::plain(&message).at(name.span().start)
    }

    fn missing(name: &str, at: usize) -> Self {
        let message =
            format!("`{name}` is asked for here, and the lock does not have it: lock again");
        Self::plain(&message).at(at)
    }

    fn of(self, file: &Utf8Path, content: &[u8]) -> LockError {
        let line = match self.place {
            Place::Byte(at) => Some(Lines::of(content).of_byte(at)),
            Place::Line(line) => Some(line),
            Place::Whole => None,
        };
        LockError::Malformed { file: file.to_owned(), line, message: self.message }
    }
}

/// Where the lines of a text end, looked for once.
struct Lines(Vec<usize>);

impl Lines {
    fn of(content: &[u8]) -> Self {
        let bytes = content.iter().enumerate();
        Self(bytes.filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line that a byte is in, from 1.
    fn of_byte(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

impl From<MarkerError> for Fault {
    fn from(error: MarkerError) -> Self {
        Self::plain(&error.to_string())
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self::plain(error.message()).at(error.span().map_or(0, |span| span.start))
    }
}

/// A file of locked packages that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is no file of its format, or of none that is known here.
    #[error("{file}{}: {message}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        file: Utf8PathBuf,
        /// The line, from 1, if it is one.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// What is there is no file, or far too long.
    #[error("{file} cannot be read: it must be a file of at most {} MiB", LONGEST >> 20)]
    NoFile {
        /// What is there.
        file: Utf8PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
