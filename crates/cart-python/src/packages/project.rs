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
use toml::Table;
use toml::de::DeTable;

use crate::packages::locks::{self, Asked, MarkerError};

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
        /// What it depends on, as far as `pyproject.toml` says it without being built; `None` when
        /// only a build can tell.
        dependencies: Option<Vec<String>>,
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
        let dependencies = declared.dependencies(&path)?;
        let has_setup_py = repo.join("setup.py").is_file();
        let is_built = declared.build_system.is_some() || has_setup_py;
        Ok(if declared.is_package().unwrap_or(is_built || declared.is_computed()) {
            let file = if declared.build_system.is_none() && has_setup_py {
                "setup.py"
            } else {
                "pyproject.toml"
            };
            Self::Package { file, dependencies }
        } else if let Some(list) = dependencies {
            Self::Dependencies(list)
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

    /// The requirements that it is known to have.
    #[must_use]
    pub fn dependencies(&self) -> &[String] {
        match self {
            Self::Dependencies(list) | Self::Package { dependencies: Some(list), .. } => list,
            Self::Plain | Self::Package { dependencies: None, .. } => &[],
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

/// What stands in a text of TOML under these keys, one in the other, and on which line, from 1: a string, or
/// as it is written where it is something else. `None` also where the text is no TOML.
pub(crate) fn toml_at(text: &str, keys: &[&str]) -> Option<(usize, Result<String, String>)> {
    let (last, tables) = keys.split_last()?;
    let parsed = DeTable::parse(text).ok()?;
    let mut table = parsed.get_ref();
    for key in tables {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    let value = table.get(*last)?;
    let line = text.get(..value.span().start)?.matches('\n').count() + 1;
    let written = || text.get(value.span()).unwrap_or_default().to_owned();
    Some((line, value.get_ref().as_str().map(str::to_owned).ok_or_else(written)))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Declared {
    build_system: Option<Table>,
    project: Option<DeclaredProject>,
    #[serde(skip)]
    whole: Table,
}

#[derive(Deserialize)]
struct DeclaredProject {
    dependencies: Option<Vec<String>>,
    #[serde(default)]
    dynamic: Vec<String>,
}

impl Declared {
    fn parse(path: &Utf8Path, bytes: &[u8]) -> Result<Self, ProjectError> {
        let malformed = |error: toml::de::Error| {
            let before = &bytes[..error.span().map_or(0, |s| s.start.min(bytes.len()))];
            ProjectError::Malformed {
                path: path.to_owned(),
                line: before.iter().filter(|b| **b == b'\n').count() + 1,
                message: error.message().to_owned(),
            }
        };
        let declared: Self = toml::from_slice(bytes).map_err(malformed)?;
        Ok(Self { whole: toml::from_slice(bytes).map_err(malformed)?, ..declared })
    }

    /// What the settings of a tool say of it; most say nothing.
    fn is_package(&self) -> Option<bool> {
        let keys = [("uv", "package"), ("poetry", "package-mode"), ("pdm", "distribution")];
        let tool = self.whole.get("tool")?;
        let said = keys.iter().filter_map(|(name, key)| tool.get(*name)?.get(*key)?.as_bool());
        // That it is one is true of most without a word, also without a way to build it.
        said.reduce(|one, other| one && other).filter(|is_package| !is_package)
    }

    /// Whether a build must tell what it depends on.
    fn is_computed(&self) -> bool {
        let named = |project: &DeclaredProject| project.dynamic.iter().any(|d| d == "dependencies");
        self.project.as_ref().is_some_and(named) && self.poetrys().is_none()
    }

    fn poetrys(&self) -> Option<&toml::Value> {
        self.whole.get("tool")?.get("poetry")?.get("dependencies")
    }

    /// A line of `[project]`, as it is written unless a tool takes the package from elsewhere.
    fn placed(&self, line: &str, folder: &Utf8Path) -> Result<Vec<String>, MarkerError> {
        // What cannot be read here may still be understood by an installer.
        let asked = Asked::of_line(line).ok().flatten();
        let placed = match &asked {
            Some(asked) => locks::placed(asked, &self.whole, folder)?,
            None => None,
        };
        Ok(match placed {
            Some(placed) => placed.iter().map(|asked| asked.line(folder)).collect(),
            None => vec![line.to_owned()],
        })
    }

    fn dependencies(&self, path: &Utf8Path) -> Result<Option<Vec<String>>, ProjectError> {
        if self.is_computed() {
            return Ok(None);
        }
        let folder = path.parent().unwrap_or(path);
        let malformed = |source| ProjectError::Marker { path: path.to_owned(), source };
        let listed = self.project.as_ref().and_then(|project| project.dependencies.as_ref());
        if let Some(listed) = listed {
            let lines = listed.iter().map(|line| self.placed(line, folder));
            return Ok(Some(lines.collect::<Result<Vec<_>, _>>().map_err(malformed)?.concat()));
        }
        if self.poetrys().is_none() {
            return Ok(self.project.as_ref().map(|_| Vec::new()));
        }
        let asked = locks::by_pyproject(&self.whole).map_err(malformed)?;
        let asked = asked.unwrap_or_default().into_iter();
        Ok(Some(asked.filter(|a| !a.marker.is_never()).map(|a| a.line(folder)).collect()))
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
    /// The condition of one of its dependencies cannot be read.
    #[error("{path}: {source}")]
    Marker {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        source: MarkerError,
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
        assert_eq!(
            project(&[(file, built)]),
            Ok(Project::Package { file, dependencies: Some(vec![]) })
        );
        let file = "setup.py";
        let tools = ("pyproject.toml", "[tool.black]\n");
        assert_eq!(
            project(&[(file, ""), tools]),
            Ok(Project::Package { file, dependencies: None })
        );
    }

    #[test]
    fn a_project_without_a_build_system_is_a_list_of_dependencies() {
        let text = "[project]\nname = 'x'\ndependencies = ['flask>=3', 'requests']\n";
        let list = vec!["flask>=3".to_owned(), "requests".to_owned()];
        assert_eq!(project(&[("pyproject.toml", text)]), Ok(Project::Dependencies(list)));
    }

    #[test]
    fn what_a_tool_says_of_a_project_counts() {
        let built = "[build-system]\nrequires = ['x']\n";
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let file = "pyproject.toml";
        for (text, expected) in [
            (
                "[tool.poetry.dependencies]\npython = '^3.9'\na = '^1'\n",
                Project::Dependencies(list(&["a>=1,<2"])),
            ),
            (
                &format!(
                    "{built}[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\na = '1'\n"
                ),
                Project::Dependencies(list(&["a==1"])),
            ),
            (
                &format!("{built}[tool.poetry.dependencies]\na = '*'\n"),
                Project::Package { file, dependencies: Some(list(&["a"])) },
            ),
            (
                &format!("{built}[project]\ndependencies = ['b']\n[tool.uv]\npackage = false\n"),
                Project::Dependencies(list(&["b"])),
            ),
            (
                "[project]\ndependencies = ['a (>=1)', 'b>=2']\n\
                 [tool.uv.sources]\nb = {git = 'https://example.com/b'}\n",
                Project::Dependencies(list(&["a (>=1)", "b @ git+https://example.com/b"])),
            ),
            (
                "[project]\ndynamic = ['dependencies']\n",
                Project::Package { file, dependencies: None },
            ),
        ] {
            assert_eq!(project(&[(file, text)]), Ok(expected), "{text}");
        }
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
