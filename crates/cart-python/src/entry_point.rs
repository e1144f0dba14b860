//! Where the app's callable is, and whether it is there.

use std::fmt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::settings::WSGI_APPLICATION;
use crate::worker_class::is_dotted_name;

/// What a callable is called that nobody named.
const CALLABLE: &str = "application";

/// The app's callable, as the launchers take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    target: Target,
    /// May be dotted: `site.application`.
    callable: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A dotted name, imported.
    Module(String),
    /// A file of the repository, whatever its ending; absolute only until it is located.
    File(Utf8PathBuf),
}

impl EntryPoint {
    /// Reads `module`, `module:callable`, `path/to/file[:callable]` or `file.py[:callable]`;
    /// answers `None` for anything else, for a path out of the repository and for characters
    /// that no module or file of an app has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (target, callable) = text.split_once(':').unwrap_or((text, CALLABLE));
        if !is_dotted_name(callable) {
            return None;
        }
        let is_file = target.contains('/') || target.ends_with(".py");
        let target = if is_file {
            Target::File(sound_path(target)?)
        } else {
            is_dotted_name(target).then(|| Target::Module(target.to_owned()))?
        };
        Some(Self { target, callable: callable.to_owned() })
    }

    /// Looks for it in the app's repository, then, if it is a module, in `elsewhere`: folders
    /// that installed packages are imported from. Answers it as the launchers take it, with a
    /// path relative to the repository.
    ///
    /// # Errors
    /// [`EntryPointError`] naming the file that was looked for and the remedy.
    pub fn locate(
        &self,
        repo: &Utf8Path,
        elsewhere: &[Utf8PathBuf],
    ) -> Result<Self, EntryPointError> {
        match &self.target {
            Target::File(path) => Ok(Self {
                target: Target::File(file_in(repo, path)?),
                callable: self.callable.clone(),
            }),
            Target::Module(name) => {
                let mut folders = std::iter::once(repo).chain(elsewhere.iter().map(AsRef::as_ref));
                if folders.any(|folder| provides(folder, name)) {
                    return Ok(self.clone());
                }
                Err(EntryPointError::Missing {
                    file: format!("{}.py", name.replace('.', "/")),
                    repo: repo.to_owned(),
                    instead: likely_instead(repo, self == &Self::default()),
                })
            }
        }
    }
}

impl Default for EntryPoint {
    fn default() -> Self {
        Self { target: Target::Module("app".to_owned()), callable: CALLABLE.to_owned() }
    }
}

/// `module:callable` or `path/to/file:callable`.
impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Module(name) => write!(f, "{name}:{}", self.callable),
            Target::File(path) => write!(f, "{path}:{}", self.callable),
        }
    }
}

/// A path is handed on as an argument and inside quotes: the characters that mean something
/// there are left out.
fn sound_path(text: &str) -> Option<Utf8PathBuf> {
    let path = Utf8Path::new(text);
    let inside = !path.components().any(|part| matches!(part, Utf8Component::ParentDir));
    let plain = !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\'' | '\\'));
    let named = path.file_name().is_some() && !text.ends_with('/') && !text.starts_with('-');
    (inside && plain && named).then(|| path.to_owned())
}

fn file_in(repo: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, EntryPointError> {
    let missing = || EntryPointError::Missing {
        file: path.to_string(),
        repo: repo.to_owned(),
        instead: None,
    };
    let outside = || EntryPointError::Outside { file: path.to_owned(), repo: repo.to_owned() };
    let full = repo.join(path);
    let real = full.canonicalize_utf8().map_err(|_| missing())?;
    let top = repo.canonicalize_utf8().map_err(|_| missing())?;
    if !real.is_file() {
        return Err(missing());
    }
    if !real.starts_with(&top) {
        return Err(outside());
    }
    // What was written stays, for messages; an absolute path may lead through other links.
    let relative = match full.strip_prefix(repo) {
        Ok(relative) => relative.to_owned(),
        Err(_) => real.strip_prefix(&top).map_err(|_| outside())?.to_owned(),
    };
    Ok(relative.components().as_path().to_owned())
}

/// Whether `import name` finds a module or a package in `folder`.
fn provides(folder: &Utf8Path, name: &str) -> bool {
    let path = folder.join(name.replace('.', "/"));
    if path.with_added_extension("py").is_file() || path.join("__init__.py").is_file() {
        return true;
    }
    // A compiled module: `name.cpython-311-x86_64-linux-gnu.so`, `name.abi3.so`, `name.so`.
    let (Some(parent), Some(stem)) = (path.parent(), path.file_name()) else {
        return false;
    };
    parent.read_dir_utf8().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let rest = entry.file_name().strip_prefix(stem);
            rest.is_some_and(|r| r.starts_with('.') && r.ends_with(".so"))
        })
    })
}

/// A file that apps made for other hosts have, if this one does; only for those who named none.
fn likely_instead(repo: &Utf8Path, nothing_was_named: bool) -> Option<String> {
    const USUAL: &[(&str, &str)] = &[
        ("wsgi.py", "wsgi:application"),
        ("application.py", "application:application"),
        ("main.py", "main:app"),
        ("wsgi/application", "wsgi/application"),
    ];
    USUAL
        .iter()
        .find(|(file, _)| nothing_was_named && repo.join(file).is_file())
        .map(|(_, value)| format!("{}={value}", WSGI_APPLICATION.name))
}

/// An app whose callable is not where it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EntryPointError {
    /// There is no such file, nor an installed package of that name.
    #[error(
        "{file} is missing in {repo}: add it, or name your app's module or file in {}{}",
        WSGI_APPLICATION.name,
        .instead.as_ref().map(|i| format!(" (here probably {i})")).unwrap_or_default()
    )]
    Missing {
        /// The file that was looked for, relative to the repository.
        file: String,
        /// The repository.
        repo: Utf8PathBuf,
        /// The variable and the value that probably fit.
        instead: Option<String>,
    },
    /// The file exists, but somewhere else.
    #[error(
        "{file} leads out of {repo}: {} must name a file of the app's own repository",
        WSGI_APPLICATION.name
    )]
    Outside {
        /// The file that was named.
        file: Utf8PathBuf,
        /// The repository.
        repo: Utf8PathBuf,
    },
}

#[cfg(test)]
mod tests;
