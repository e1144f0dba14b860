//! The app's requirements file, with every file that it includes: what pip is given, and what a
//! fingerprint must cover.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

use crate::settings::REQUIREMENTS_PATH;
use crate::virtualenv::normalized;

/// The file that is read when nobody named one.
pub const DEFAULT_FILE: &str = "requirements.txt";

/// A requirements file and what it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The file itself, as pip is given it.
    pub file: Utf8PathBuf,
    /// It and every file it includes, with their content, in the order they were met.
    pub files: Vec<(Utf8PathBuf, Vec<u8>)>,
    /// Those of them that only bound versions (`-c`).
    pub constraints: Vec<Utf8PathBuf>,
    /// Packages that are named in them.
    pub packages: Vec<Package>,
    /// Folders and archives of the app that are to be installed.
    pub local: Vec<Local>,
    /// Whether there is anything to install.
    pub asks_for_something: bool,
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

impl Requirements {
    /// Reads the app's requirements: `named` if somebody named a file, else
    /// [`DEFAULT_FILE`] if there is one.
    ///
    /// # Errors
    /// [`RequirementsError`] when a named or included file is not there or cannot be read.
    pub fn read(
        repo: &Utf8Path,
        named: Option<&Utf8Path>,
    ) -> Result<Option<Self>, RequirementsError> {
        let file = repo.join(named.unwrap_or(Utf8Path::new(DEFAULT_FILE)));
        if !file.is_file() {
            return match named {
                None => Ok(None),
                Some(_) => Err(RequirementsError::NamedMissing { file }),
            };
        }
        let mut reader = Reader {
            repo,
            seen: BTreeSet::new(),
            found: Self { file: file.clone(), ..Self::default() },
        };
        reader.read(&file, None)?;
        Ok(Some(reader.found))
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
    seen: BTreeSet<Utf8PathBuf>,
    found: Requirements,
}

impl Reader<'_> {
    fn read(
        &mut self,
        file: &Utf8Path,
        included_by: Option<(&Utf8Path, usize)>,
    ) -> Result<(), RequirementsError> {
        // By its real path: a file may include itself through `..` or a link.
        let real = file.canonicalize_utf8().unwrap_or_else(|_| file.to_owned());
        if !self.seen.insert(real) {
            return Ok(());
        }
        let content = match (files::read_if_exists(file)?, included_by) {
            (Some(content), _) => content,
            (None, Some((by, line))) => {
                return Err(RequirementsError::IncludedMissing {
                    file: file.to_owned(),
                    by: by.to_owned(),
                    line,
                });
            }
            (None, None) => {
                let file = file.to_owned();
                return Err(RequirementsError::NamedMissing { file });
            }
        };
        let text = String::from_utf8_lossy(&content).into_owned();
        self.found.files.push((file.to_owned(), content));
        for (number, line) in logical_lines(text.trim_start_matches('\u{feff}')) {
            self.take(Line::parse(&line), file, number)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        line: Line,
        file: &Utf8Path,
        number: usize,
    ) -> Result<(), RequirementsError> {
        match line {
            // pip looks for an included file from the including one's folder.
            Line::Include(path) if !is_url(&path) => {
                let folder = file.parent().unwrap_or(Utf8Path::new("/"));
                self.read(&folder.join(path), Some((file, number)))?;
            }
            Line::Include(_) => self.found.asks_for_something = true,
            Line::Constrain(path) if !is_url(&path) => {
                let folder = file.parent().unwrap_or(Utf8Path::new("/"));
                let path = folder.join(path);
                // What it says bounds versions; it asks for nothing.
                let asked = self.found.asks_for_something;
                self.read(&path, Some((file, number)))?;
                self.found.asks_for_something = asked;
                self.found.constraints.push(path);
            }
            Line::Constrain(_) => {}
            Line::Option => {}
            Line::Requirement { text, editable } => {
                self.found.asks_for_something = true;
                self.ask_for(&text, editable, file, number);
            }
        }
        Ok(())
    }

    fn ask_for(&mut self, text: &str, editable: bool, file: &Utf8Path, line: usize) {
        if let Some(path) = local_path(text) {
            // Not from the file's folder, as for an included one: from the working directory.
            let path = self.repo.join(path);
            self.found.local.push(Local { path, editable });
        } else if let Some(name) = package_name(text) {
            let name = normalized(&name);
            self.found.packages.push(Package { name, file: file.to_owned(), line });
        }
    }
}

enum Line {
    Include(String),
    Constrain(String),
    Requirement { text: String, editable: bool },
    Option,
}

impl Line {
    fn parse(line: &str) -> Self {
        if let Some(path) = option_value(line, "-r", "--requirement") {
            return Self::Include(path);
        }
        if let Some(path) = option_value(line, "-c", "--constraint") {
            return Self::Constrain(path);
        }
        if let Some(text) = option_value(line, "-e", "--editable") {
            return Self::Requirement { text, editable: true };
        }
        if line.starts_with('-') {
            return Self::Option;
        }
        Self::Requirement { text: line.to_owned(), editable: false }
    }
}

/// The value of an option in any of pip's spellings: `-r x`, `-rx`, `--long x`, `--long=x`.
fn option_value(line: &str, short: &str, long: &str) -> Option<String> {
    let value = match line.strip_prefix(long) {
        Some(rest) if rest.starts_with(['=', ' ', '\t']) => &rest[1..],
        Some(_) => return None,
        None if line.starts_with("--") => return None,
        None => line.strip_prefix(short)?,
    };
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

/// The lines that pip sees: comments removed, lines that end with `\` joined; each with the
/// number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (number, before) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(begun) if !is_comment => open = Some((number, before + begun)),
            _ if is_comment => lines.push((number, before)),
            _ => lines.push((number, before + line)),
        }
    }
    lines.extend(open);
    lines
        .into_iter()
        .map(|(number, line)| (number, without_comment(&line).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// A `#` begins a comment only at the beginning or after white space: URLs have it too.
fn without_comment(line: &str) -> &str {
    let at = line
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)));
    at.map_or(line, |(at, _)| &line[..at])
}

fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// The path of a requirement that is a folder or an archive: `./lib`, `/x/y.whl`, `.[extra]`,
/// `file:lib`, `file:///x`.
fn local_path(text: &str) -> Option<Utf8PathBuf> {
    let text = text.split(" ;").next().unwrap_or(text).trim();
    let path = match text.strip_prefix("file:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None if is_url(text) || text.contains(" @ ") => return None,
        None => text,
    };
    let path = path.split(['#', '[']).next().unwrap_or(path).trim();
    let is_path = path.starts_with(['.', '/']) || text.starts_with("file:");
    let is_archive = [".whl", ".zip", ".tar.gz"].iter().any(|e| path.ends_with(e));
    let is_folder = path.contains('/');
    (is_path || is_archive || is_folder).then(|| path.into())
}

/// The name in `name[extra]>=1; marker`, `name @ url` or `git+https://...#egg=name`.
fn package_name(text: &str) -> Option<String> {
    let text = match text.split_once("#egg=") {
        Some((_, egg)) => egg,
        None if is_url(text.split(" @ ").next().unwrap_or(text)) => return None,
        None => text,
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name = &text[..text.find(|c| !named(c)).unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_owned())
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
    #[error("{by}, line {line}, includes {file}, which is missing: add it, or remove the line")]
    IncludedMissing {
        /// The file.
        file: Utf8PathBuf,
        /// The file that includes it.
        by: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file is there but cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
