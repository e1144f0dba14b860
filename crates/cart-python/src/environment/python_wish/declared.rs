//! What the files of a repository say of Python, each read as the tool that it is for reads it.

use std::fmt;

use camino::Utf8Path;
use cart_core::files::{self, FileError};

use crate::environment::interpreter::specifiers::{Release, Specifiers};
use crate::environment::interpreter::{OLDEST_MINOR, Wanted};
use crate::packages::project::toml_at;

/// No such file is longer, in bytes; what is behind that is not read.
const LONGEST: usize = 256 * 1024;

/// Nobody names more Pythons in one file.
const MOST: usize = 32;

/// The newest minor version that anybody may mean.
const NEWEST_MEANT: u64 = 99;

/// What one file says: the first of these that is on the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) said: Vec<Said>,
}

/// One Python that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) place: Place,
    /// As it is written there.
    pub(super) text: String,
    pub(super) asked: Asked,
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, from the repository's top.
    pub file: &'static str,
    /// The line, from 1.
    pub line: usize,
}

/// `.python-version, line 1`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// What is meant by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Python(Wanted),
    Python2,
    TooOld,
    /// Nothing that a version of CPython can be told from: another implementation, a name of
    /// somebody's own.
    Unknown,
}

/// All that is said in `repo`, what goes before other things first.
pub(super) fn read(repo: &Utf8Path) -> Result<Vec<Declared>, FileError> {
    type Read = fn(&'static str, &str) -> Vec<Said>;
    const FILES: &[(&str, Read)] = &[
        (".python-version", python_version),
        ("runtime.txt", runtime),
        (".tool-versions", tool_versions),
        ("pyproject.toml", pyproject),
        ("Pipfile", pipfile),
        ("pylock.toml", lock),
        ("uv.lock", lock),
    ];
    let mut all = Vec::new();
    for &(file, said) in FILES {
        if let Some(content) = files::read_if_exists(&repo.join(file))? {
            let mut said = said(file, &decoded(&content[..content.len().min(LONGEST)]));
            said.truncate(MOST);
            if !said.is_empty() {
                all.push(Declared { said });
            }
        }
    }
    Ok(all)
}

/// As an editor or PowerShell may have written it; what is no text becomes `�`.
fn decoded(bytes: &[u8]) -> String {
    let (text, _, _) = encoding_rs::UTF_8.decode(bytes);
    text.into_owned()
}

/// Versions, several in a line or each in its own, or a specifier, as uv takes it, too.
fn python_version(file: &'static str, text: &str) -> Vec<Said> {
    let words = |line: &str| match line.starts_with(is_operator) {
        true => vec![line.to_owned()],
        false => line.split_whitespace().map(str::to_owned).collect(),
    };
    uncommented(text)
        .flat_map(|(line, text)| {
            words(text).into_iter().map(move |word| (line, word)).collect::<Vec<_>>()
        })
        .map(|(line, word)| said(file, line, &word, version))
        .collect()
}

/// One runtime, in the first line that has something in it.
fn runtime(file: &'static str, text: &str) -> Vec<Said> {
    let first = uncommented(text).next();
    first.map(|(line, text)| said(file, line, text, version)).into_iter().collect()
}

/// `python 3.12.1 3.11 system`, among lines for other tools.
fn tool_versions(file: &'static str, text: &str) -> Vec<Said> {
    let of_python = |(line, text): (usize, &str)| {
        let mut words = text.split_whitespace();
        (words.next() == Some("python")).then(|| words.map(|w| (line, w.to_owned())).collect())
    };
    let named: Option<Vec<_>> = uncommented(text).find_map(of_python);
    named.into_iter().flatten().map(|(line, word)| said(file, line, &word, version)).collect()
}

/// `requires-python` of the project, else what poetry is told. A file that is no TOML is complained
/// of by those who read the dependencies.
fn pyproject(file: &'static str, text: &str) -> Vec<Said> {
    let by_project = toml_at(text, &["project", "requires-python"]);
    let by_poetry = || toml_at(text, &["tool", "poetry", "dependencies", "python"]);
    value(file, by_project.or_else(by_poetry))
}

fn pipfile(file: &'static str, text: &str) -> Vec<Said> {
    let full = toml_at(text, &["requires", "python_full_version"]);
    value(file, full.or_else(|| toml_at(text, &["requires", "python_version"])))
}

/// A lock says it before its first table; the rest, which may be long, is not looked at.
fn lock(file: &'static str, text: &str) -> Vec<Said> {
    let head = text.lines().enumerate().take_while(|(_, line)| !line.starts_with('['));
    let quoted = |(at, line): (usize, &str)| {
        let value = line.strip_prefix("requires-python")?.trim_start().strip_prefix('=')?;
        Some((at + 1, value.trim().trim_matches(['"', '\'']).to_owned()))
    };
    let named = head.filter_map(quoted).next();
    named.map(|(line, text)| said(file, line, &text, required)).into_iter().collect()
}

fn value(file: &'static str, value: Option<(usize, Result<String, String>)>) -> Vec<Said> {
    let Some((line, text)) = value else { return Vec::new() };
    // A number, for want of quotes, counts as it is written.
    let text = text.unwrap_or_else(|written| written);
    // Everything, or nothing, is no wish.
    let means = !matches!(text.trim(), "" | "*");
    means.then(|| said(file, line, &text, required)).into_iter().collect()
}

fn said(file: &'static str, line: usize, text: &str, means: fn(&str) -> Asked) -> Said {
    let text = text.trim();
    Said { place: Place { file, line }, text: text.to_owned(), asked: means(text) }
}

/// The lines that say something, with their numbers.
fn uncommented(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then_some((at + 1, line))
    })
}

fn is_operator(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '!' | '~' | '^')
}

/// What the name of a version means: `3.12`, `3.12.4`, `3.12.x`, `python-3.12.4`, `cpython@3.12`,
/// `cpython-3.12.1-linux-x86_64-gnu`, `3.12-dev`, `system`.
fn version(text: &str) -> Asked {
    let text = text.trim_matches(|c| matches!(c, '"' | '\'' | ','));
    if text == "system" {
        return Asked::Python(Wanted::Any);
    }
    // As asdf and mise write it: the newest of those that begin so.
    let begins = text.strip_suffix(":latest").or_else(|| text.strip_prefix("latest:"));
    let text = match begins.or_else(|| text.strip_prefix("prefix:")) {
        Some(begins) => begins,
        None if text == "latest" => "3",
        None => text,
    };
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix('c').unwrap_or(&lower);
    let number = match name.strip_prefix("python") {
        Some(rest) => rest.trim_start_matches(['-', '@', '=']),
        None => &lower,
    };
    if number.starts_with(is_operator) {
        return required(number);
    }
    let number = number.split('-').next().unwrap_or_default();
    let Some(release) = Release::parse(number) else { return Asked::Unknown };
    match release.numbers.as_slice() {
        [2, ..] => Asked::Python2,
        [3] => {
            Specifiers::parse(number).map_or(Asked::Unknown, |s| Asked::Python(Wanted::Newest(s)))
        }
        [3, minor, ..] if *minor < OLDEST_MINOR => Asked::TooOld,
        [3, minor, rest @ ..] => {
            Asked::Python(Wanted::Version { minor: *minor, patch: rest.first().copied() })
        }
        _ => Asked::Unknown,
    }
}

/// What a requirement means. One that pins a version is a wish for that: whoever writes `==3.12`
/// does not mean 3.12.0 alone, and a fix of that release is better than nothing.
fn required(text: &str) -> Asked {
    let pinned = text.trim_start_matches('=').trim();
    if pinned.starts_with(|c: char| c.is_ascii_digit()) && !pinned.contains([',', '|', ' ']) {
        return version(pinned);
    }
    let Some(specifiers) = Specifiers::parse(text) else { return Asked::Unknown };
    let allows = |major, mut minors: std::ops::RangeInclusive<u64>| {
        minors.any(|minor| specifiers.allow_some(major, minor))
    };
    if allows(3, OLDEST_MINOR..=NEWEST_MEANT) {
        Asked::Python(Wanted::Newest(specifiers))
    } else if allows(3, 0..=OLDEST_MINOR - 1) {
        Asked::TooOld
    } else if allows(2, 0..=7) {
        Asked::Python2
    } else {
        // None that there is: to be said with those that there are.
        Asked::Python(Wanted::Newest(specifiers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(asked: &Asked) -> String {
        match asked {
            Asked::Python(Wanted::Newest(specifiers)) => format!("newest {specifiers}"),
            Asked::Python(wanted) => wanted.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// What the file says, as `line: text`.
    fn says(file: &str, content: &[u8]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        files::write_atomic(&repo.join(file), content, 0o644).unwrap();
        let declared = read(repo).unwrap();
        let said = declared.iter().flat_map(|declared| &declared.said);
        said.map(|said| format!("{}: {}", said.place.line, wanted(&said.asked))).collect()
    }

    #[test]
    fn names_of_versions_are_read_in_every_spelling() {
        for (text, expected) in [
            ("3.12", "3.12"),
            ("3.12.4", "3.12.4"),
            ("python-3.12.x", "3.12"),
            ("Python-3.9.1", "3.9.1"),
            ("cpython@3.12", "3.12"),
            ("cpython-3.12.1-linux-x86_64-gnu", "3.12.1"),
            ("python3.11", "3.11"),
            ("3.14.0rc1", "3.14.0"),
            ("3.14-dev", "3.14"),
            ("3", "newest 3"),
            ("system", "3"),
            ("latest", "newest 3"),
            ("3.12:latest", "3.12"),
            ("latest:3.11", "3.11"),
            ("prefix:3.12", "3.12"),
            ("\"3.12\"", "3.12"),
            ("3.12,", "3.12"),
            ("python-2.7.18", "Python2"),
            ("2", "Python2"),
            ("3.5.2", "TooOld"),
            ("pypy3.10-7.3.12", "Unknown"),
            ("3.13t", "Unknown"),
            ("my-project", "Unknown"),
            ("4.1", "Unknown"),
        ] {
            assert_eq!(wanted(&version(text)), expected, "{text}");
        }
    }

    #[test]
    fn requirements_may_be_for_pythons_that_are_not_served() {
        for (text, expected) in [
            (">=3.10,<3.13", "newest >=3.10,<3.13"),
            (">=2.7", "newest >=2.7"),
            ("==3.12", "3.12"),
            ("==3.12.*", "3.12"),
            ("3.11", "3.11"),
            (">=2.7,<3", "Python2"),
            ("~=2.7", "Python2"),
            ("<3.6", "TooOld"),
            (">=3,<3.4", "TooOld"),
            (">=4", "newest >=4"),
            (">=three", "Unknown"),
        ] {
            assert_eq!(wanted(&required(text)), expected, "{text}");
        }
    }

    #[test]
    fn version_files_have_comments_lines_and_marks() {
        let text = "# ours\r\n\r\n3.12.1 # best\r\n3.11 pypy3\r\n";
        assert_eq!(
            says(".python-version", text.as_bytes()),
            ["3: 3.12.1", "4: 3.11", "4: Unknown"]
        );
        assert_eq!(says(".python-version", b"\xef\xbb\xbf3.12\n"), ["1: 3.12"]);
        assert_eq!(says(".python-version", b"\xff\xfe3\0.\x001\x002\0\r\0\n\0"), ["1: 3.12"]);
        assert_eq!(says(".python-version", b">= 3.11, < 3.13\n"), ["1: newest >= 3.11, < 3.13"]);
        assert_eq!(says("runtime.txt", b"\npython-3.12.x\nmore\n"), ["2: 3.12"]);
        let text = b"nodejs 20.1\npython 3.12.1 3.11 system\npython 3.9\n";
        assert_eq!(says(".tool-versions", text), ["2: 3.12.1", "2: 3.11", "2: 3"]);
        assert!(says(".tool-versions", b"nodejs 20.1\n").is_empty());
        assert!(says(".python-version", b"# nothing\n").is_empty());
    }

    #[test]
    fn toml_files_are_read_where_their_tools_look() {
        let text = b"[project]\nname = 'x'\nrequires-python = '>=3.10'\n\
                     [tool.poetry.dependencies]\npython = '^3.9'\n";
        assert_eq!(says("pyproject.toml", text), ["3: newest >=3.10"]);
        let text = b"[tool.poetry.dependencies]\nflask = '*'\npython = '^3.9'\n";
        assert_eq!(says("pyproject.toml", text), ["3: newest ^3.9"]);
        let text = b"[project]\nrequires-python = 3.11\n";
        assert_eq!(says("pyproject.toml", text), ["2: 3.11"], "without quotes");
        assert!(says("pyproject.toml", b"[tool.poetry.dependencies]\npython = '*'\n").is_empty());
        assert!(says("pyproject.toml", b"no TOML").is_empty());
        let text = b"[requires]\npython_version = '3.11'\npython_full_version = '3.11.4'\n";
        assert_eq!(says("Pipfile", text), ["3: 3.11.4"]);
        let text = b"version = 1\nrequires-python = \">=3.12\"\n\n[[package]]\n";
        assert_eq!(says("uv.lock", text), ["2: newest >=3.12"]);
        assert_eq!(says("pylock.toml", text), ["2: newest >=3.12"]);
        assert!(says("uv.lock", b"[[package]]\nrequires-python = '>=3.12'\n").is_empty());
    }
}
