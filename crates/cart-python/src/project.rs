//! What the app's repository says of itself: `setup.py`, `pyproject.toml`.
//!
//! The app runs from its repository, so what an installation adds is its dependencies, the
//! metadata that some packages look for, and the importability of a `src` layout. A repository
//! with `setup.py` or a `[build-system]` is therefore installed *editable*: new code counts
//! without another installation, no stale copy of a module lies in wait in site-packages, and
//! only the few files below decide whether there is anything to do. A `[project]` without a
//! `[build-system]` is no package, by the convention of today's tools: only its `dependencies`
//! are installed, so that an app need not explain its folders to a build tool.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use serde::Deserialize;

/// Files whose content decides what an editable installation does.
const FILES: &[&str] = &["pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"];

/// How a repository is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Project {
    /// It is not: it is code that runs where it is.
    Plain,
    /// As a package, linked.
    Package {
        /// `setup.py` or `pyproject.toml`, for messages.
        file: &'static str,
    },
    /// Only these requirements of `pyproject.toml`.
    Dependencies(Vec<String>),
}

impl Project {
    /// What `repo` is.
    ///
    /// # Errors
    /// [`ProjectError`] when `pyproject.toml` cannot be read or is not TOML.
    pub fn read(repo: &Utf8Path) -> Result<Self, ProjectError> {
        let path = repo.join("pyproject.toml");
        let declared = match files::read_if_exists(&path)? {
            Some(bytes) => Declared::parse(&path, &bytes)?,
            None => Declared::default(),
        };
        Ok(if declared.build_system.is_some() {
            Self::Package { file: "pyproject.toml" }
        } else if repo.join("setup.py").is_file() {
            Self::Package { file: "setup.py" }
        } else if let Some(project) = declared.project {
            Self::Dependencies(project.dependencies)
        } else {
            Self::Plain
        })
    }

    /// Whether there is anything to install.
    #[must_use]
    pub fn asks_for_something(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Package { .. } => true,
            Self::Dependencies(list) => !list.is_empty(),
        }
    }
}

/// The files of `folder` that decide what an editable installation of it does, with their
/// content; those that are missing are left out.
///
/// # Errors
/// [`FileError`] when one is there but cannot be read.
pub fn deciding_files(folder: &Utf8Path) -> Result<Vec<(Utf8PathBuf, Vec<u8>)>, FileError> {
    let mut found = Vec::new();
    for name in FILES {
        let path = folder.join(name);
        if let Some(content) = files::read_if_exists(&path)? {
            found.push((path, content));
        }
    }
    Ok(found)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Declared {
    build_system: Option<toml::Table>,
    project: Option<DeclaredProject>,
}

#[derive(Deserialize)]
struct DeclaredProject {
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Declared {
    fn parse(path: &Utf8Path, bytes: &[u8]) -> Result<Self, ProjectError> {
        toml::from_slice(bytes).map_err(|error| {
            let before = &bytes[..error.span().map_or(0, |s| s.start.min(bytes.len()))];
            ProjectError::Malformed {
                path: path.to_owned(),
                line: before.iter().filter(|b| **b == b'\n').count() + 1,
                message: error.message().to_owned(),
            }
        })
    }
}

/// A `pyproject.toml` that says nothing we can act upon.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It is not TOML, or a value has another type than it should.
    #[error("{path}, line {line}: {message}")]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> Result<Project, String> {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        for (name, content) in files {
            files::write_atomic(&repo.join(name), content.as_bytes(), 0o644).unwrap();
        }
        Project::read(repo).map_err(|e| e.to_string().replace(repo.as_str(), "REPO"))
    }

    #[test]
    fn settings_of_tools_do_not_make_a_package() {
        assert_eq!(project(&[]), Ok(Project::Plain));
        let tools = "[tool.black]\nline-length = 100\n";
        assert_eq!(project(&[("pyproject.toml", tools)]), Ok(Project::Plain));
    }

    #[test]
    fn a_build_system_or_a_setup_py_makes_a_package() {
        let file = "pyproject.toml";
        let built = "[build-system]\nrequires = ['hatchling']\n[project]\nname = 'x'\n";
        assert_eq!(project(&[(file, built)]), Ok(Project::Package { file }));
        let file = "setup.py";
        let tools = ("pyproject.toml", "[tool.black]\n");
        assert_eq!(project(&[(file, ""), tools]), Ok(Project::Package { file }));
    }

    #[test]
    fn a_project_without_a_build_system_is_a_list_of_dependencies() {
        let text = "[project]\nname = 'x'\ndependencies = ['flask>=3', 'requests']\n";
        let list = vec!["flask>=3".to_owned(), "requests".to_owned()];
        assert_eq!(project(&[("pyproject.toml", text)]), Ok(Project::Dependencies(list)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = project(&[("pyproject.toml", "[project]\nname = 'x\n")]).unwrap_err();
        assert!(error.starts_with("REPO/pyproject.toml, line 2: "), "{error}");
        let text = "[project]\ndependencies = 'flask'\n";
        let error = project(&[("pyproject.toml", text)]).unwrap_err();
        assert!(error.starts_with("REPO/pyproject.toml, line 2: "), "{error}");
    }
}
