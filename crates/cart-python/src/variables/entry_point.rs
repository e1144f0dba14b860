//! Where the app's callable is, and whether it is there.

use std::fmt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::variables::names::WSGI_APPLICATION;
use crate::variables::worker_class::is_dotted_name;

mod arguments;

/// What a callable is called that nobody named.
const CALLABLE: &str = "application";

/// The app's callable, as the launchers take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    target: Target,
    /// May be dotted: `site.application`.
    callable: String,
    /// What it is called with to get the app, as it was written, if it is called at all.
    arguments: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A dotted name, imported; first from a folder of the repository, if one is named.
    Module { folder: Option<Utf8PathBuf>, name: String },
    /// A file of the repository, whatever its ending; absolute only until it is located.
    File(Utf8PathBuf),
}

impl EntryPoint {
    /// Reads `module`, `module:callable`, `path/to/file[:callable]` or `file.py[:callable]`, and
    /// with a folder that modules are imported from, `src/:module:callable`. The callable may be
    /// called with literal arguments: `module:create_app("prod", debug=False)`. Answers `None`
    /// for anything else, for a path out of the repository and for characters that no module or
    /// file of an app has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (folder, text) = match text.split_once("/:") {
            Some((folder, rest)) if !folder.contains([':', '(']) => (Some(folder), rest),
            _ => (None, text),
        };
        let (target, called) = text.split_once(':').unwrap_or((text, CALLABLE));
        let (callable, arguments) = match called.split_once('(') {
            Some((callable, rest)) => {
                (callable.trim_end(), Some(rest.trim_end().strip_suffix(')')?))
            }
            None => (called, None),
        };
        if !is_dotted_name(callable) || !arguments.is_none_or(arguments::are_literal) {
            return None;
        }
        let is_file = target.contains('/') || target.ends_with(".py");
        let target = match folder {
            None if is_file => Target::File(sound_path(target)?),
            _ => Target::Module {
                folder: folder.map(sound_path).map(|path| path.ok_or(())).transpose().ok()?,
                name: is_dotted_name(target).then(|| target.to_owned())?,
            },
        };
        let arguments = arguments.map(|text| text.trim().to_owned());
        Some(Self { target, callable: callable.to_owned(), arguments })
    }

    /// The callable `callable` of a module, imported as if `folder` were the repository's top.
    pub(crate) fn of_module(folder: Option<&Utf8Path>, name: &str, callable: &str) -> Self {
        let target =
            Target::Module { folder: folder.map(ToOwned::to_owned), name: name.to_owned() };
        Self { target, callable: callable.to_owned(), arguments: None }
    }

    /// The callable `callable` of a file of the repository.
    pub(crate) fn of_file(path: &Utf8Path, callable: &str) -> Self {
        let target = Target::File(path.to_owned());
        Self { target, callable: callable.to_owned(), arguments: None }
    }

    /// The app that this one answers when it is called without arguments.
    pub(crate) fn called(self) -> Self {
        Self { arguments: self.arguments.or_else(|| Some(String::new())), ..self }
    }

    /// The same with modules imported from `folder` of the repository.
    pub(crate) fn imported_from(self, folder: &Utf8Path) -> Self {
        let target = match self.target {
            Target::Module { folder: None, name } => {
                Target::Module { folder: Some(folder.to_owned()), name }
            }
            Target::File(path) if path.is_relative() => Target::File(folder.join(path)),
            other => other,
        };
        Self { target, ..self }
    }

    /// The same with another callable.
    pub(crate) fn with_callable(self, callable: &str) -> Self {
        Self { callable: callable.to_owned(), ..self }
    }

    /// Whether a call answers the app.
    #[must_use]
    pub fn is_called(&self) -> bool {
        self.arguments.is_some()
    }

    /// Its name in the module, without a call.
    #[must_use]
    pub fn callable(&self) -> &str {
        &self.callable
    }

    /// The file of the repository that it stands in, relative to that, if it is there: not where
    /// an installed package has it, nor a compiled module.
    pub(crate) fn source(&self, repo: &Utf8Path) -> Option<Utf8PathBuf> {
        let candidates = match &self.target {
            Target::File(path) => vec![path.strip_prefix(repo).unwrap_or(path).to_owned()],
            Target::Module { folder, name } => {
                let path = Utf8Path::new(&name.replace('.', "/")).to_owned();
                let in_folder = folder.iter().map(|folder| folder.join(&path));
                let paths: Vec<_> = in_folder.chain([path.clone()]).collect();
                let files = |p: &Utf8PathBuf| [p.join("__init__.py"), p.with_added_extension("py")];
                paths.iter().flat_map(files).collect()
            }
        };
        candidates.into_iter().find(|path| repo.join(path).is_file())
    }

    /// The folder of the repository that its modules are imported from; empty for its top.
    pub(crate) fn folder(&self) -> Utf8PathBuf {
        match &self.target {
            Target::File(path) => path.parent().map(ToOwned::to_owned).unwrap_or_default(),
            Target::Module { folder, .. } => folder.clone().unwrap_or_default(),
        }
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
            Target::File(path) => {
                Ok(Self { target: Target::File(file_in(repo, path)?), ..self.clone() })
            }
            Target::Module { folder, name } => {
                let inner = folder.as_ref().map(|folder| real_in(repo, folder, Utf8Path::exists));
                let inner = inner.transpose()?.map(|(real, _)| real);
                let mut folders = inner
                    .as_deref()
                    .into_iter()
                    .chain([repo])
                    .chain(elsewhere.iter().map(AsRef::as_ref));
                if folders.any(|folder| provides(folder, name)) {
                    return Ok(self.clone());
                }
                let file = format!("{}.py", name.replace('.', "/"));
                Err(EntryPointError::Missing {
                    file: folder.as_ref().map_or(file.clone(), |f| f.join(&file).into_string()),
                    repo: repo.to_owned(),
                })
            }
        }
    }
}

/// `module:callable` or `path/to/file:callable`, and what it is called with.
impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Module { folder: Some(folder), name } => write!(f, "{folder}/:{name}")?,
            Target::Module { folder: None, name } => f.write_str(name)?,
            Target::File(path) => write!(f, "{path}")?,
        }
        write!(f, ":{}", self.callable)?;
        self.arguments.as_ref().map_or(Ok(()), |arguments| write!(f, "({arguments})"))
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

/// Where a path of the repository really is, and where the repository is.
fn real_in(
    repo: &Utf8Path,
    path: &Utf8Path,
    is_it: fn(&Utf8Path) -> bool,
) -> Result<(Utf8PathBuf, Utf8PathBuf), EntryPointError> {
    let missing = || EntryPointError::Missing { file: path.to_string(), repo: repo.to_owned() };
    let real = repo.join(path).canonicalize_utf8().ok().filter(|real| is_it(real));
    let real = real.ok_or_else(missing)?;
    let top = repo.canonicalize_utf8().map_err(|_| missing())?;
    match real.starts_with(&top) {
        true => Ok((real, top)),
        false => Err(EntryPointError::Outside { file: path.to_owned(), repo: repo.to_owned() }),
    }
}

fn file_in(repo: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, EntryPointError> {
    let (real, top) = real_in(repo, path, Utf8Path::is_file)?;
    // What was written stays, for messages; an absolute path may lead through other links.
    let full = repo.join(path);
    let relative = full.strip_prefix(repo).or_else(|_| real.strip_prefix(&top)).unwrap_or(path);
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

/// An app whose callable is not where it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EntryPointError {
    /// There is no such file, nor an installed package of that name.
    #[error(
        "{file} is missing in {repo}\nAdd it, or name your app's module or file in {}",
        WSGI_APPLICATION.name
    )]
    Missing {
        /// The file that was looked for, relative to the repository.
        file: String,
        /// The repository.
        repo: Utf8PathBuf,
    },
    /// The file exists, but somewhere else.
    #[error(
        "{file} leads out of {repo}\n{} must name a file of the app's own repository",
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
