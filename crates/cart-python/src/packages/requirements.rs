//! The app's requirements file, with every file that it includes: what pip is given, and what a
//! fingerprint must cover.

mod beyond_uv;
mod line;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::{self, FileError};

use self::line::{Included, Line, local_path, package_name};
use crate::packages::spelling::normalized;
use crate::variables::names::REQUIREMENTS_PATH;

/// The file that is read when nobody named one.
pub(crate) const DEFAULT_FILE: &str = "requirements.txt";

/// Names that people give to it by mistake.
pub(crate) const MISSPELLED: &[&str] = &[
    "requirments.txt",
    "requeriments.txt",
    "requirement.txt",
    "Requirements.txt",
    "requirements.text",
    "requirements.txt.txt",
    "requirements.tx",
    "requirments.text",
    "reqirements.txt",
];

/// No requirements file is longer, whatever hashes it lists.
const LONGEST: u64 = 4 * 1024 * 1024;
/// How many files may include each other in a row.
const DEEPEST: usize = 100;

/// A requirements file and what it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The file itself, as pip is given it.
    pub file: Utf8PathBuf,
    /// It and every file it includes, with their text in UTF-8, in the order they were met.
    pub files: Vec<(Utf8PathBuf, Vec<u8>)>,
    /// The variables that stand in them and are set, with what pip finds in them.
    pub variables: BTreeMap<String, String>,
    /// The first of the files that is not in the encoding which pip reads it in.
    pub unreadable: Option<Utf8PathBuf>,
    /// Those of them that only bound versions (`-c`).
    pub constraints: Vec<Utf8PathBuf>,
    /// Packages that are named in them.
    pub packages: Vec<Package>,
    /// Folders and archives of the app that are to be installed.
    pub local: Vec<Local>,
    /// Whether there is anything to install.
    pub asks_for_something: bool,
    /// What an installer is given instead of the file, when that is in a form that it does not read.
    pub converted: Option<Converted>,
}

/// What a lock, or another list of packages, says in the form of a requirements file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Requirements that all have hashes.
    pub hashed: String,
    /// Those that have none: of repositories, of folders, of locks without hashes.
    pub others: String,
    /// The versions among both, without hashes: bounds for whatever else is installed.
    pub pinned: String,
    /// Whether everything is in it, also what its packages depend on.
    pub complete: bool,
    /// Whether the dependencies of the app as a package are in it, too.
    pub covers_project: bool,
    /// The versions of Python that it is for.
    pub python: Option<Python>,
    /// What people should know of it, in whole sentences.
    pub said: Vec<String>,
}

/// The versions of Python that a lock is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The key that says it, for messages.
    pub key: &'static str,
    /// Such as `>=3.11`.
    pub range: String,
    /// Whether its own tool refuses others, and does not only warn.
    pub binds: bool,
}

/// A package as it is named in a requirements file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name, normalized.
    pub name: String,
    /// The file.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// A folder or an archive, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// Whether it is linked, so that only its metadata count, and not copied.
    pub editable: bool,
}

impl Local {
    /// The folder or archive in a requirement that names it by a `file:` URL.
    #[must_use]
    pub fn in_line(line: &str) -> Option<Self> {
        let text = line.strip_prefix("-e ");
        let url = text.or_else(|| line.split_once(" @ ").map(|(_, url)| url))?;
        let path = url.starts_with("file:").then(|| local_path(url))??;
        Some(Self { path, editable: text.is_some() })
    }
}

impl Requirements {
    /// Reads the app's requirements: `named` if somebody named a file, else
    /// [`DEFAULT_FILE`] if there is one. `env` is what pip will see.
    ///
    /// # Errors
    /// [`RequirementsError`] when a named or included file is not there, cannot be read, or
    /// includes itself.
    pub fn read(
        repo: &Utf8Path,
        named: Option<&Utf8Path>,
        env: &GearEnv,
    ) -> Result<Option<Self>, RequirementsError> {
        let file = repo.join(named.unwrap_or(Utf8Path::new(DEFAULT_FILE)));
        if !file.is_file() {
            return match named {
                None => Ok(None),
                Some(_) => Err(RequirementsError::NamedMissing { file }),
            };
        }
        let found = Self { file: file.clone(), ..Self::default() };
        let mut reader = Reader { repo, env, open: Vec::new(), seen: BTreeSet::new(), found };
        reader.read(&file, false, None)?;
        Ok(Some(reader.found))
    }

    /// What its files say, without the comments.
    #[must_use]
    pub fn said(&self) -> Vec<(Utf8PathBuf, Vec<u8>)> {
        let said = |content: &[u8]| match std::str::from_utf8(content) {
            Ok(text) => {
                let lines = text::logical(&text::lines(text)).into_iter().map(|(_, line)| line);
                lines.collect::<Vec<_>>().join("\n").into_bytes()
            }
            Err(_) => content.to_owned(),
        };
        self.files.iter().map(|(file, content)| (file.clone(), said(content))).collect()
    }

    /// Whether one of them has a hash: then pip wants one of each.
    #[must_use]
    pub fn are_hashed(&self) -> bool {
        let said = self.said().into_iter().filter(|(file, _)| !self.constraints.contains(file));
        said.map(|(_, text)| String::from_utf8_lossy(&text).into_owned())
            .any(|text| text.contains(" --hash"))
    }

    /// Whether the app itself asks for this package.
    #[must_use]
    pub fn names(&self, package: &str) -> bool {
        self.place_of(package).is_some()
    }

    /// Where a package is asked for.
    #[must_use]
    pub fn place_of(&self, package: &str) -> Option<&Package> {
        let name = normalized(package);
        self.packages.iter().find(|p| p.name == name)
    }
}

struct Reader<'a> {
    repo: &'a Utf8Path,
    env: &'a GearEnv,
    /// The files that are being read, each included by the one before, by their real paths: a file
    /// may include itself through `..` or a link.
    open: Vec<Utf8PathBuf>,
    /// What was read, with whether it only bounds versions.
    seen: BTreeSet<(Utf8PathBuf, bool)>,
    found: Requirements,
}

impl Reader<'_> {
    /// Reads `file`, which only `bounds` versions or asks for something.
    fn read(
        &mut self,
        file: &Utf8Path,
        bounds: bool,
        by: Option<Includer>,
    ) -> Result<(), RequirementsError> {
        let real = file.canonicalize_utf8().unwrap_or_else(|_| file.to_owned());
        if let Some(by) = by.clone().filter(|_| self.open.contains(&real)) {
            return Err(RequirementsError::Circle { file: file.to_owned(), by });
        }
        if let Some(by) = by.clone().filter(|_| self.open.len() > DEEPEST) {
            return Err(RequirementsError::TooDeep { by });
        }
        if !self.seen.insert((real.clone(), bounds)) {
            return Ok(());
        }
        let content = content(file, by)?;
        let text = text::decoded(&content);
        let readable = text.is_some();
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(&content).into_owned());
        let lines = text::lines(&text);
        if !readable {
            self.found.unreadable.get_or_insert(file.to_owned());
        }
        let counts = if readable { text::with_plain_breaks(&text).into_bytes() } else { content };
        self.found.files.push((file.to_owned(), counts));
        self.open.push(real);
        for (number, line) in text::logical(&lines) {
            let line = text::expanded(&line, self.env, &mut self.found.variables);
            self.take(
                Line::parse(&line),
                bounds,
                Includer { file: file.to_owned(), line: number },
            )?;
        }
        self.open.pop();
        Ok(())
    }

    fn take(&mut self, line: Line, bounds: bool, at: Includer) -> Result<(), RequirementsError> {
        match line {
            Line::Include(path) => match self.place(&path, &at) {
                // Also from a file that itself only bounds.
                Some(path) => self.read(&path, false, Some(at))?,
                None => self.found.asks_for_something = true,
            },
            Line::Constrain(path) => {
                if let Some(path) = self.place(&path, &at) {
                    self.read(&path, true, Some(at))?;
                    self.found.constraints.push(path);
                }
            }
            Line::Option => {}
            Line::Unreadable => self.found.asks_for_something = true,
            Line::Requirement { text, editable } => {
                self.found.asks_for_something |= !bounds;
                self.ask_for(&text, editable, at);
            }
        }
        Ok(())
    }

    /// The path of a file that is included; `None` when it is on the web.
    fn place(&self, path: &str, at: &Includer) -> Option<Utf8PathBuf> {
        match Included::of(path) {
            // pip looks for it from the including file's folder.
            Included::Path(path) => Some(at.file.parent().unwrap_or(Utf8Path::new("/")).join(path)),
            Included::FileUrl(path) => Some(self.repo.join(path)),
            Included::Web => None,
        }
    }

    fn ask_for(&mut self, text: &str, editable: bool, at: Includer) {
        if let Some(path) = local_path(text) {
            // Not from the file's folder, as for an included one: from the working directory.
            let path = self.repo.join(path);
            self.found.local.push(Local { path, editable });
        } else if let Some(name) = package_name(text) {
            let Includer { file, line } = at;
            self.found.packages.push(Package { name: normalized(&name), file, line });
        }
    }
}

/// What a file holds. One that never ends, or never begins, is not read.
fn content(file: &Utf8Path, by: Option<Includer>) -> Result<Vec<u8>, RequirementsError> {
    let is_one = |metadata: std::fs::Metadata| metadata.is_file() && metadata.len() <= LONGEST;
    if std::fs::metadata(file).is_ok_and(|metadata| !is_one(metadata)) {
        return Err(RequirementsError::NoFile { file: file.to_owned(), by });
    }
    let file = file.to_owned();
    match (files::read_if_exists(&file)?, by) {
        (Some(content), _) => Ok(content),
        (None, Some(by)) => Err(RequirementsError::IncludedMissing { file, by }),
        (None, None) => Err(RequirementsError::NamedMissing { file }),
    }
}

/// A line that includes another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Includer {
    /// The file.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// `FILE, line N, includes`
impl fmt::Display for Includer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}, includes", self.file, self.line)
    }
}

/// A requirements file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    /// The file that somebody named is not there.
    #[error(
        "the requirements file {file} is missing: add it, or correct {}",
        REQUIREMENTS_PATH.name
    )]
    NamedMissing {
        /// The file.
        file: Utf8PathBuf,
    },
    /// A file that another one includes is not there.
    #[error("{by} {file}, which is missing: {}add it, or remove the line", unset(.file))]
    IncludedMissing {
        /// The file.
        file: Utf8PathBuf,
        /// The line that includes it.
        by: Includer,
    },
    /// A file that includes another one is included by that.
    #[error(
        "{by} {file}, which is being read already: pip would go in that circle for ever. Remove \
         the line"
    )]
    Circle {
        /// The file.
        file: Utf8PathBuf,
        /// The line that includes it.
        by: Includer,
    },
    /// Files include files without an end.
    #[error("{by} one more file, and more than {DEEPEST} include each other: put them into fewer")]
    TooDeep {
        /// The line that includes the last.
        by: Includer,
    },
    /// What is there is no file, or far too long.
    #[error(
        "{}{file} cannot be read as requirements: it must be a file of at most {} MiB",
        .by.as_ref().map(|by| format!("{by} ")).unwrap_or_default(),
        LONGEST >> 20
    )]
    NoFile {
        /// What is there.
        file: Utf8PathBuf,
        /// The line that includes it, if one does.
        by: Option<Includer>,
    },
    /// A file is there but cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A `${NAME}` that is left in a path is a variable that nobody set.
fn unset(file: &Utf8Path) -> String {
    let names = text::variables(file.as_str());
    names.first().map(|name| format!("set the variable {name}, ")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
