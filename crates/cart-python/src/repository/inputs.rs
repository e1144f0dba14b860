//! Everything of the app that decides what must be installed, and its fingerprint.

pub mod chosen;

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::{self, FileError};
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::packages::locks::{self, LockError, is_same};
use crate::packages::project::{self, Project, ProjectError};
use crate::packages::requirements::{Converted, Local, Requirements, RequirementsError};
use crate::packages::spelling::{name_in, normalized};

/// Raised when the same files shall be installed in another way than before.
const RECIPE: &str = "1";

/// Folders of a local package that its installation makes, or never reads.
const NOT_SOURCE: &[&str] = &[".git", ".hg", ".svn", "__pycache__", "build", ".tox", ".venv"];

/// What the app asks for.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Its requirements file or its lock, if it has one.
    pub requirements: Option<Requirements>,
    /// What its repository is.
    pub project: Project,
    /// What people should know of what was read and what was not, in whole sentences.
    pub said: Vec<String>,
    /// Fingerprint of all that: equal if and only if the same would be installed again.
    pub digest: String,
}

impl Inputs {
    /// Reads a repository, of which pip will see the variables in `env`. Costs a few file reads, as
    /// it is done at every start.
    ///
    /// # Errors
    /// [`InputsError`] naming the file.
    pub fn read(
        repo: &Utf8Path,
        named: Option<&Utf8Path>,
        env: &GearEnv,
    ) -> Result<Self, InputsError> {
        let (requirements, choice) = chosen::read(repo, named, env)?;
        let project = Project::read(repo)?;
        let digest = digest(repo, requirements.as_ref(), &project)?;
        let converted = requirements.as_ref().and_then(|r| r.converted.as_ref());
        let more = converted.map(|converted| converted.said.clone()).unwrap_or_default();
        let said = choice.into_iter().chain(more).chain(chosen::near_misses(repo));
        let mut said: Vec<String> = said.collect();
        if !covers(requirements.as_ref()) && project.asks_for_something() {
            let text = files::read_if_exists(&repo.join("pyproject.toml"))?.unwrap_or_default();
            let table = toml::from_slice(&text).unwrap_or_default();
            said.extend(locks::indexes("pyproject.toml", &table, env));
        }
        Ok(Self { requirements, project, said, digest })
    }

    /// Whether anything is to be installed for the app.
    #[must_use]
    pub fn ask_for_something(&self) -> bool {
        let by_file = self.requirements.as_ref().is_some_and(|r| r.asks_for_something);
        by_file || self.project.asks_for_something()
    }

    /// Whether the app itself names this package; then its choice of a version holds.
    #[must_use]
    pub fn name(&self, package: &str) -> bool {
        let list = match self.lock_covers_the_project() {
            true => &[],
            false => self.project.dependencies(),
        };
        let by_project = list.iter().any(|line| normalized(name_in(line)) == normalized(package));
        by_project || self.requirements.as_ref().is_some_and(|r| r.names(package))
    }

    /// What the lock says, or another list that no installer reads.
    #[must_use]
    pub fn converted(&self) -> Option<&Converted> {
        self.requirements.as_ref()?.converted.as_ref()
    }

    /// The names of what a lock has, which is all that the app is to find.
    #[must_use]
    pub fn locked(&self) -> BTreeSet<String> {
        let is_complete = self.converted().is_some_and(|converted| converted.complete);
        let packages = self.requirements.iter().filter(|_| is_complete).flat_map(|r| &r.packages);
        packages.map(|package| package.name.clone()).collect()
    }

    /// Whether a lock has the dependencies of the repository as a package, too.
    #[must_use]
    pub fn lock_covers_the_project(&self) -> bool {
        covers(self.requirements.as_ref())
    }

    /// Whether the requirements file installs the repository too (`-e .`).
    #[must_use]
    pub fn install_the_repository_themselves(&self, repo: &Utf8Path) -> bool {
        let mut local = self.requirements.iter().flat_map(|requirements| &requirements.local);
        local.any(|local| is_same(&local.path, repo))
    }
}

fn covers(requirements: Option<&Requirements>) -> bool {
    let converted = requirements.and_then(|r| r.converted.as_ref());
    converted.is_some_and(|converted| converted.covers_project)
}

fn digest(
    repo: &Utf8Path,
    requirements: Option<&Requirements>,
    project: &Project,
) -> Result<String, InputsError> {
    let mut sum = Sum::new(repo);
    if let Some(requirements) = requirements {
        sum.add_text(if requirements.converted.is_some() { "lock" } else { "requirements" });
        sum.add_files(&requirements.said());
        for (name, value) in &requirements.variables {
            sum.add_text(name);
            // Where the gear's own directories lie decides nothing.
            sum.add_text(&value.replace(repo.as_str(), ""));
        }
        for local in &requirements.local {
            sum.add_local(local)?;
        }
    }
    match project {
        Project::Plain => {}
        Project::Package { .. } => {
            sum.add_text("package");
            sum.add_files(&project::deciding_files(repo)?);
        }
        Project::Dependencies(list) if !covers(requirements) => {
            sum.add_text("dependencies");
            list.iter().for_each(|line| sum.add_text(&locks::anywhere(line, repo)));
        }
        Project::Dependencies(_) => {}
    }
    if !covers(requirements) {
        for line in project.dependencies() {
            if let Some(local) = Local::in_line(line) {
                sum.add_local(&local)?;
            }
        }
    }
    Ok(sum.finish())
}

/// A running digest. Every piece goes in with its length, so that no two different sequences of
/// pieces are the same bytes; paths go in relative to the repository, because the same app on
/// another gear is the same app.
struct Sum<'a> {
    repo: &'a Utf8Path,
    digest: Sha256,
}

impl<'a> Sum<'a> {
    fn new(repo: &'a Utf8Path) -> Self {
        let digest = Sha256::new();
        let mut sum = Self { repo, digest };
        sum.add_text(RECIPE);
        sum
    }

    fn add(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }

    fn add_text(&mut self, text: &str) {
        self.add(text.as_bytes());
    }

    fn add_path(&mut self, path: &Utf8Path) {
        let path = path.strip_prefix(self.repo).unwrap_or(path);
        self.add_text(path.as_str());
    }

    fn add_files(&mut self, files: &[(Utf8PathBuf, Vec<u8>)]) {
        for (path, content) in files {
            self.add_path(path);
            self.add(content);
        }
    }

    /// A linked package counts by the files that decide what is linked, a copied one by every
    /// file that is copied. One that is missing counts as nothing here: pip says it best.
    fn add_local(&mut self, local: &Local) -> Result<(), FileError> {
        self.add_path(&local.path);
        if local.path.is_file() {
            self.add(&files::read(&local.path)?);
        } else if local.editable {
            self.add_files(&project::deciding_files(&local.path)?);
        } else if local.path.is_dir() {
            let source = |entry: &DirEntry| !is_no_source(entry);
            let walk = WalkDir::new(&local.path).sort_by_file_name();
            for entry in walk.into_iter().filter_entry(source) {
                let entry = entry.map_err(|e| FileError::new("read", &local.path, e.into()))?;
                let path = entry.path();
                if path.is_file() {
                    let below = path.strip_prefix(self.repo).unwrap_or(path);
                    self.add(below.as_os_str().as_bytes());
                    let read = std::fs::read(path);
                    self.add(&read.map_err(|e| FileError::new("read", &local.path, e))?);
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> String {
        self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn is_no_source(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    NOT_SOURCE.contains(&name.as_ref()) || name.ends_with(".egg-info")
}

/// An app whose wishes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// Its requirements file.
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    /// Its lock, or its Pipfile.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its `pyproject.toml`.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Another of its files.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Repo(tempfile::TempDir);

    impl Repo {
        fn new(files: &[(&str, &str)]) -> Self {
            let repo = Self(tempfile::tempdir().unwrap());
            for (name, content) in files {
                repo.write(name, content);
            }
            repo
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
        }

        fn digest(&self) -> String {
            Inputs::read(self.path(), None, &GearEnv::new()).unwrap().digest
        }

        fn changes_with(&self, name: &str, content: &str) -> bool {
            let before = self.digest();
            self.write(name, content);
            before != self.digest()
        }
    }

    #[test]
    fn the_same_app_elsewhere_has_the_same_fingerprint() {
        let files = [("requirements.txt", "flask\n-r more.txt\n"), ("more.txt", "x\n")];
        let (one, two) = (Repo::new(&files), Repo::new(&files));
        assert_eq!(one.digest(), two.digest());
        assert_eq!(one.digest().len(), 64);
    }

    #[test]
    fn what_is_installed_counts_and_the_apps_own_code_does_not() {
        let repo = Repo::new(&[
            ("app.py", "1"),
            ("requirements.txt", "-r more.txt\n./copied\n-e ./linked\n"),
            ("more.txt", "flask\n"),
            ("setup.py", "1"),
            ("copied/setup.py", "1"),
            ("copied/code.py", "1"),
            ("linked/setup.py", "1"),
            ("linked/code.py", "1"),
        ]);
        for counts in ["more.txt", "setup.py", "setup.cfg", "copied/code.py", "linked/setup.py"] {
            assert!(repo.changes_with(counts, "# 2"), "{counts}");
        }
        let commented = "# why\n-r more.txt # more\n\n./copied\n-e ./linked";
        assert!(!repo.changes_with("requirements.txt", commented), "a comment");
        for does_not in ["app.py", "linked/code.py", "copied/build/x.py", "README"] {
            assert!(!repo.changes_with(does_not, "# 2"), "{does_not}");
        }
        let before = repo.digest();
        let odd = std::ffi::OsStr::from_bytes(b"copied/na\xefve.txt");
        std::fs::copy(repo.path().join("copied/code.py"), repo.0.path().join(odd)).unwrap();
        assert_ne!(repo.digest(), before, "a name that is not UTF-8");
    }

    #[test]
    fn settings_of_tools_in_pyproject_do_not_count_for_dependencies_alone() {
        let repo = Repo::new(&[("pyproject.toml", "[project]\ndependencies = ['flask']\n")]);
        let with_tool = "[project]\ndependencies = ['flask']\n[tool.x]\ny = 1\n";
        assert!(!repo.changes_with("pyproject.toml", with_tool));
        assert!(repo.changes_with("pyproject.toml", "[project]\ndependencies = ['flask>=3']\n"));
    }

    #[test]
    fn an_index_that_only_a_tools_settings_name_is_spoken_of_without_its_password() {
        let text = "[project]\ndependencies = ['a']\n[[tool.uv.index]]\nname = 'ours'\n\
                    url = 'https://me:secret@example.com/simple'\n\
                    [[tool.poetry.source]]\nname = 'PyPI'\n";
        let repo = Repo::new(&[("pyproject.toml", text)]);
        let said = |env: &GearEnv| Inputs::read(repo.path(), None, env).unwrap().said;
        insta::assert_snapshot!(said(&GearEnv::new()).join("\n"), @"pyproject.toml names the package index https://example.com/simple, which is not asked: set PIP_EXTRA_INDEX_URL to it, or PIP_INDEX_URL where no other is to be asked");
        let env = GearEnv::new().with("PIP_INDEX_URL", "https://example.com/simple");
        assert!(said(&env).is_empty());
    }

    #[test]
    fn a_package_named_by_the_app_is_the_apps() {
        let repo = Repo::new(&[
            ("requirements.txt", "Gunicorn==20.1\n-e .\n"),
            ("pyproject.toml", "[project]\ndependencies = ['gevent>=22']\n"),
        ]);
        let inputs = Inputs::read(repo.path(), None, &GearEnv::new()).unwrap();
        assert!(inputs.name("gunicorn") && inputs.name("gevent") && !inputs.name("flask"));
        assert!(inputs.install_the_repository_themselves(repo.path()));
    }
}
