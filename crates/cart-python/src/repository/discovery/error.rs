//! Why no app is served, with what to write where.

use std::fmt::Write;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;

use super::DecidedBy;
use super::candidates::candidate::Candidate;
use super::code::facts::{Failure, Unread};
use super::code::reader::Reader;
use super::program::ProgramError;
use crate::environment::interpreter;
use crate::variables::entry_point::EntryPointError;
use crate::variables::names::WSGI_APPLICATION;

/// An app that cannot be found, or not for sure.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// Several apps, and nothing says which is meant.
    #[error("there are several apps here, and nothing says which one is to be served\nSet one of\n{}", lines(WSGI_APPLICATION.name, .0))]
    Several(Vec<Candidate>),
    /// Nothing that is one.
    #[error(
        "no app was found in {repo}: there is none in {looked_in}.{}\nAdd app.py with a WSGI or \
         ASGI callable named `application` or `app`, or name yours: {}=module:callable",
        indented(.nearest),
        WSGI_APPLICATION.name
    )]
    None {
        /// The repository.
        repo: Utf8PathBuf,
        /// The files that were looked at, as people read it.
        looked_in: String,
        /// What there is instead, the likeliest first.
        nearest: Vec<String>,
    },
    /// A file that cannot be read as Python.
    #[error("{file}:{line} is not Python {python}: SyntaxError: {why}\nMend it, or name another file: {}=module:callable", WSGI_APPLICATION.name)]
    Syntax {
        /// The file, relative to the repository.
        file: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// The version of the Python that read it.
        python: String,
        /// In Python's words.
        why: String,
    },
    /// A file for Python 2.
    #[error("{file}:{line} is Python 2, which is not served{}\nPort it to Python 3, for example with 2to3", on_offer(.there))]
    Python2 {
        /// The file, relative to the repository.
        file: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// The Pythons that there are, as people read it.
        there: String,
    },
    /// A file whose import never ends.
    #[error(
        "{file}:{line} calls {call}() as soon as the file is imported, and that call never ends\nPut that call below `if __name__ == \"__main__\":`, for the cartridge serves what the file defines"
    )]
    Serves {
        /// The file, relative to the repository.
        file: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// Such as `app.run`.
        call: String,
    },
    /// A file by the name of the package that it needs.
    #[error(
        "{file} hides the package {package} that it imports, because it has its name\nGive the file another name"
    )]
    Hides {
        /// The file, relative to the repository.
        file: Utf8PathBuf,
        /// Such as `flask`.
        package: String,
    },
    /// A file that the parser cannot cope with.
    #[error("{file} could not be parsed{}\nName the app, here or in another file: {}=module:callable", because(.why), WSGI_APPLICATION.name)]
    NotParsed {
        /// The file, relative to the repository.
        file: Utf8PathBuf,
        /// In Python's words; may be empty.
        why: String,
    },
    /// What the repository names as its app, a text that says nothing to a launcher.
    #[error("{by} names {named:?} as the app, which is neither `module:callable` nor a file\nCorrect it, or set {}=module:callable, which goes before it", WSGI_APPLICATION.name)]
    NotUnderstood {
        /// What names it.
        by: DecidedBy,
        /// As it is written.
        named: String,
    },
    /// What is named as the app does not exist.
    #[error("{by} names the app {named}, but {problem}")]
    NotThere {
        /// What names it.
        by: DecidedBy,
        /// As it is written.
        named: String,
        /// What is missing, and the remedy.
        problem: Box<EntryPointError>,
    },
    /// The module that is named has no such name.
    #[error("{by} names the app {problem} when it is imported{}", offered(.instead, .by))]
    NoCallable {
        /// What names it.
        by: DecidedBy,
        /// As it is written, with the file and what it lacks.
        problem: String,
        /// What it has.
        instead: Vec<Candidate>,
    },
    /// A program that should serve cannot.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file that should say something cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl DiscoveryError {
    /// For a file that could not be read.
    pub(super) fn unread(reader: &Reader<'_>, file: &Utf8Path, failure: &Failure) -> Self {
        let file = file.to_owned();
        let line = failure.line.max(1);
        match failure.what {
            Unread::Syntax => {
                Self::Syntax { file, line, python: reader.python(), why: failure.text.clone() }
            }
            Unread::Python2 => {
                Self::Python2 { file, line, there: interpreter::on_offer(reader.env()) }
            }
            Unread::Parser | Unread::Unreadable => {
                Self::NotParsed { file, why: failure.text.clone() }
            }
        }
    }
}

/// One line for each: the variable, and what would be served then.
fn lines(variable: &str, candidates: &[Candidate]) -> String {
    const MOST: usize = 12;
    let line =
        |candidate: &Candidate| format!("    {variable}={}   ({candidate})", candidate.entry_point);
    let mut lines: Vec<_> = candidates.iter().take(MOST).map(line).collect();
    if candidates.len() > MOST {
        lines.push(format!("    and {} more", candidates.len() - MOST));
    }
    lines.join("\n")
}

fn offered(candidates: &[Candidate], by: &DecidedBy) -> String {
    let variable = match by {
        DecidedBy::Variable(name) => name,
        DecidedBy::File { .. } => WSGI_APPLICATION.name,
    };
    match (candidates, by) {
        ([], _) => {
            format!("\nBind it there, or name the app's own: {variable}=module:callable")
        }
        (_, DecidedBy::Variable(_)) => format!("\nIt has\n{}", lines(variable, candidates)),
        _ => format!("\nCorrect that line, or set\n{}", lines(variable, candidates)),
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = write!(text, "\n    {line}");
        text
    })
}

fn on_offer(there: &str) -> String {
    if there.is_empty() { String::new() } else { format!("; on offer: Python {there}") }
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}
