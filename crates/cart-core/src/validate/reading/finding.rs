//! One thing that is wrong with a cartridge, and where.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A node refuses it, or the cartridge cannot work with it.
    Error,
    /// A node accepts it, but does not do what its author seems to want.
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Something that is wrong. Displayed as `FILE:LINE: error: message`, as compilers do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, relative to the cartridge's directory.
    pub file: Utf8PathBuf,
    /// The line, counted from 1. What concerns a file as a whole stands at line 1.
    pub line: usize,
    /// How bad it is.
    pub level: Level,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.level, self.message)
    }
}

/// All that was found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Where to note what is wrong in `file`, a path relative to the cartridge's directory.
    pub fn in_file<'a>(&'a mut self, file: impl AsRef<Utf8Path>) -> InFile<'a> {
        InFile { file: file.as_ref().to_owned(), findings: self }
    }

    /// The findings in the order of files and lines, each once.
    #[must_use]
    pub fn sorted(mut self) -> Vec<Finding> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}

/// The findings of one file.
#[derive(Debug)]
pub struct InFile<'a> {
    file: Utf8PathBuf,
    findings: &'a mut Findings,
}

impl InFile<'_> {
    /// Notes an error.
    pub fn error(&mut self, line: usize, message: impl Into<String>) {
        self.note(Level::Error, line, message);
    }

    /// Notes a warning.
    pub fn warning(&mut self, line: usize, message: impl Into<String>) {
        self.note(Level::Warning, line, message);
    }

    /// Notes what is as bad as `level` says.
    pub(in crate::validate) fn note(
        &mut self,
        level: Level,
        line: usize,
        message: impl Into<String>,
    ) {
        let (file, message) = (self.file.clone(), message.into());
        self.findings.0.push(Finding { file, line: line.max(1), level, message });
    }
}
