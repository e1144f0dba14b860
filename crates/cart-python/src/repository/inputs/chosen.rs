//! Which of the files that list packages is taken, where there are several, and which would have
//! been meant where there is none.

use camino::Utf8Path;
use cart_core::GearEnv;

use super::InputsError;
use crate::packages::locks::{self, Format};
use crate::packages::project::Project;
use crate::packages::requirements::{DEFAULT_FILE, MISSPELLED, Requirements, RequirementsError};
use crate::repository::discovery;
use crate::variables::names::REQUIREMENTS_PATH;

/// Reads the file that somebody `named`, else the first of the locks, the requirements file, the
/// Pipfile. Beside it: one sentence, if others were passed over.
pub(super) fn read(
    repo: &Utf8Path,
    named: Option<&Utf8Path>,
    env: &GearEnv,
) -> Result<(Option<Requirements>, Option<String>), InputsError> {
    let there = files_there(repo);
    let Some(name) = named.or_else(|| there.first().map(|name| Utf8Path::new(*name))) else {
        return Ok((None, None));
    };
    let file = repo.join(name);
    let requirements = if name.file_name() == Some("pyproject.toml") {
        if !file.is_file() {
            return Err(RequirementsError::NamedMissing { file }.into());
        }
        // The one of the repository is read as what that is.
        let is_repos = file.parent().is_some_and(|folder| locks::is_same(folder, repo));
        if is_repos { None } else { Some(locks::read_pyproject(repo, &file)?) }
    } else {
        match Format::of(&file) {
            Some(format) if file.is_file() => Some(locks::read(repo, &file, format, env)?),
            Some(_) => return Err(RequirementsError::NamedMissing { file }.into()),
            None => Requirements::read(repo, Some(name), env)?,
        }
    };
    let others: Vec<&str> = there.into_iter().filter(|other| *other != name.as_str()).collect();
    // A lock's own wishes are not passed over.
    let others: Vec<&str> = match Format::of(name) {
        Some(Format::PipfileLock) => others.into_iter().filter(|o| *o != Format::PIPFILE).collect(),
        _ => others,
    };
    Ok((requirements, said(name, named.is_some(), &others)))
}

/// The files that could be taken, the preferred first.
fn files_there(repo: &Utf8Path) -> Vec<&'static str> {
    let locks = Format::LOCKS.iter().map(|(_, name)| *name);
    let all = locks.chain([DEFAULT_FILE, Format::PIPFILE]);
    all.filter(|name| repo.join(name).is_file()).collect()
}

fn said(taken: &Utf8Path, by_name: bool, others: &[&str]) -> Option<String> {
    let verbs = match others {
        [] => return None,
        [_] => "is there, too, and was not",
        _ => "are there, too, and were not",
    };
    let why = if by_name { format!(", as {} says", REQUIREMENTS_PATH.name) } else { String::new() };
    Some(format!("The packages of {taken} were taken{why}; {} {verbs}", others.join(", ")))
}

/// No more near misses are told.
const MOST: usize = 8;

/// For an app that lists its packages nowhere: what there is that may have been meant, each as a
/// sentence with the remedy.
#[must_use]
pub fn near_misses(repo: &Utf8Path) -> Vec<String> {
    let mut found = Vec::new();
    if !files_there(repo).is_empty() || Project::read(repo).is_ok_and(|p| p.asks_for_something()) {
        return found;
    }
    for name in MISSPELLED.iter().filter(|name| repo.join(name).is_file()) {
        found.push(format!("{name} is not read: rename it to {DEFAULT_FILE}"));
    }
    let folder = repo.join("requirements");
    let lists = folder.read_dir_utf8().into_iter().flatten().flatten();
    let mut lists: Vec<String> = lists
        .filter(|entry| entry.file_name().ends_with(".txt"))
        .map(|entry| format!("requirements/{}", entry.file_name()))
        .collect();
    lists.sort();
    if !lists.is_empty() {
        let name = REQUIREMENTS_PATH.name;
        found.push(format!("{} is not read: set {name} to the one to install", lists.join(", ")));
    }
    for name in ["environment.yml", "environment.yaml"] {
        if repo.join(name).is_file() {
            found.push(format!(
                "{name} is for conda and is not read: list the packages in {DEFAULT_FILE}"
            ));
        }
    }
    for name in ["requirements.in", "setup.cfg"] {
        if repo.join(name).is_file() && !repo.join("setup.py").exists() {
            found.push(format!("{name} is not read: list the packages in {DEFAULT_FILE}"));
        }
    }
    for folder in discovery::folders(repo).iter().filter(|folder| *folder != "requirements") {
        let pyproject = || repo.join(folder).join("pyproject.toml").is_file();
        let there = files_there(&repo.join(folder)).into_iter().next();
        if let Some(name) = there.or_else(|| pyproject().then_some("pyproject.toml")) {
            let file = folder.join(name);
            let variable = REQUIREMENTS_PATH.name;
            found.push(format!("{file} is not read: set {variable}={file} if the app needs it"));
        }
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files::write_atomic;

    struct Repo(tempfile::TempDir);

    impl Repo {
        fn new(names: &[&str]) -> Self {
            let repo = Self(tempfile::tempdir().unwrap());
            names.iter().for_each(|name| repo.write(name, ""));
            repo
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        }

        fn read(&self, named: Option<&str>) -> Result<(Option<Requirements>, String), String> {
            let named = named.map(Utf8Path::new);
            let read = read(self.path(), named, &GearEnv::new());
            let read = read.map_err(|e| e.to_string().replace(self.path().as_str(), "REPO"));
            read.map(|(requirements, said)| (requirements, said.unwrap_or_default()))
        }
    }

    #[test]
    fn locks_come_before_requirements_and_what_is_passed_over_is_said() {
        let repo = Repo::new(&["requirements.txt", "Pipfile"]);
        assert_eq!(
            repo.read(None).unwrap().1,
            "The packages of requirements.txt were taken; Pipfile is there, too, and was not"
        );
        repo.write("uv.lock", "version = 1\n");
        let (requirements, said) = repo.read(None).unwrap();
        assert_eq!(
            said,
            "The packages of uv.lock were taken; requirements.txt, Pipfile are there, too, and were not"
        );
        assert!(requirements.unwrap().converted.unwrap().complete);
        let (requirements, said) = repo.read(Some("requirements.txt")).unwrap();
        assert!(requirements.unwrap().converted.is_none());
        assert_eq!(
            said,
            "The packages of requirements.txt were taken, as OPENSHIFT_PYTHON_REQUIREMENTS_PATH says; \
             uv.lock, Pipfile are there, too, and were not"
        );
        let missing = repo.read(Some("poetry.lock")).unwrap_err();
        assert!(
            missing.starts_with("the requirements file REPO/poetry.lock is missing"),
            "{missing}"
        );
    }

    #[test]
    fn a_pipfile_is_no_rival_of_its_lock_and_a_named_pyproject_beats_locks() {
        let lock = r#"{"_meta": {"pipfile-spec": 6}, "default": {}}"#;
        let repo = Repo::new(&["Pipfile"]);
        repo.write("Pipfile.lock", lock);
        assert_eq!(repo.read(None).unwrap().1, "");
        repo.write("pyproject.toml", "[project]\ndependencies = ['a']\n");
        assert_eq!(repo.read(Some("pyproject.toml")).unwrap().0, None);
        repo.write("web/pyproject.toml", "[tool.poetry.dependencies]\na = '^1'\n");
        let requirements = repo.read(Some("web/pyproject.toml")).unwrap().0.unwrap();
        assert_eq!(requirements.converted.unwrap().others, "a>=1,<2\n");
    }

    #[test]
    fn what_may_have_been_meant_is_told_where_nothing_is_listed() {
        let repo = Repo::new(&["requirments.txt", "requirements/prod.txt", "environment.yml"]);
        repo.write("back/requirements.txt", "");
        repo.write("tests/requirements.txt", "");
        insta::assert_snapshot!(near_misses(repo.path()).join("\n"), @r"
        requirments.txt is not read: rename it to requirements.txt
        requirements/prod.txt is not read: set OPENSHIFT_PYTHON_REQUIREMENTS_PATH to the one to install
        environment.yml is for conda and is not read: list the packages in requirements.txt
        back/requirements.txt is not read: set OPENSHIFT_PYTHON_REQUIREMENTS_PATH=back/requirements.txt if the app needs it
        ");
        repo.write("requirements.txt", "");
        assert!(near_misses(repo.path()).is_empty());
    }
}
