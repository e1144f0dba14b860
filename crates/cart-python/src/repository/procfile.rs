//! A `Procfile`, as Heroku made it known: which commands an app consists of, one on each line.

mod program;
mod shell;
mod web;

use camino::Utf8Path;
use cart_core::files::{self, FileError};

pub use program::Program;
pub use web::{ServerOption, WebCommand};

/// The file's name, at the top of a repository.
pub const FILE: &str = "Procfile";

/// No Procfile is longer, in bytes; what is behind that is not read.
const LONGEST: usize = 64 * 1024;

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Such as `web` or `release`.
    pub name: String,
    /// A command for a shell.
    pub command: String,
    /// The line, from 1.
    pub line: usize,
}

/// The processes of the app in `repo`, in their order; none where there is no Procfile. A line
/// that is not `name: command` says nothing, as with Heroku.
///
/// # Errors
/// [`FileError`] when it is there and cannot be read.
pub fn read(repo: &Utf8Path) -> Result<Vec<Process>, FileError> {
    let content = files::read_if_exists(&repo.join(FILE))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content[..content.len().min(LONGEST)]);
    Ok(text.lines().enumerate().filter_map(|(number, text)| process(number + 1, text)).collect())
}

/// The first process of this name.
///
/// # Errors
/// As [`read`].
pub fn process_named(repo: &Utf8Path, name: &str) -> Result<Option<Process>, FileError> {
    Ok(read(repo)?.into_iter().find(|process| process.name == name))
}

/// What the line `web:` runs, as far as it is understood.
///
/// # Errors
/// As [`read`].
pub fn web(repo: &Utf8Path) -> Result<Option<WebCommand>, FileError> {
    Ok(process_named(repo, "web")?.map(|process| WebCommand::parse(&process)))
}

fn process(line: usize, text: &str) -> Option<Process> {
    let (name, command) = text.trim_start_matches('\u{feff}').split_once(':')?;
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let command = command.trim();
    let is_process = !name.is_empty() && name.chars().all(sound) && !command.is_empty();
    is_process.then(|| Process { name: name.to_owned(), command: command.to_owned(), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_processes_and_what_is_none_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        assert_eq!(read(repo).unwrap(), []);
        let text =
            "\u{feff}web: gunicorn x:y\r\n# release: no\n\nrelease:  ./migrate.sh  \nempty:\n";
        files::write_atomic(&repo.join(FILE), text.as_bytes(), 0o644).unwrap();
        let named = |name| process_named(repo, name).unwrap().map(|p| (p.command, p.line));
        assert_eq!(named("web"), Some(("gunicorn x:y".to_owned(), 1)));
        assert_eq!(named("release"), Some(("./migrate.sh".to_owned(), 4)));
        assert_eq!(read(repo).unwrap().len(), 2);
    }
}
