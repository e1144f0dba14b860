//! What is asked of the installer: the app's packages, the app as a package, the server's packages.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use semver::Version;

use super::{DependencyError, Wish};
use crate::environment::installer::failure::Failure;
use crate::environment::installer::{self, InstallError, Installation};
use crate::packages::locks::range;
use crate::packages::project::Project;
use crate::packages::requirements::{Converted, Requirements};
use crate::serving::server::Requirement;

/// Puts `src` of a repository that cannot be built on the path that modules are imported from.
const LINK: &str = "cartridge-src.pth";

impl Wish {
    pub(super) fn install_app(
        &self,
        installation: &Installation<'_>,
        python: &Version,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        if let Some(asked) = &self.inputs.requirements {
            self.refuse_other_python(asked, python, progress)?;
            if asked.asks_for_something {
                let file = installer::file_argument(&asked.file, &self.repo);
                progress(&format!("Installing the packages of {file}"));
                let what = format!("the packages of {file}");
                match &asked.converted {
                    Some(converted) => {
                        self.install_converted(&what, asked, converted, installation, progress)?;
                    }
                    None => {
                        // uv by itself checks those that have one, and lets others pass.
                        let hashed = asked.are_hashed().then_some("--require-hashes");
                        let args: Vec<&str> = hashed.into_iter().chain(["-r", &file]).collect();
                        installation.install(&what, &args, Some(asked), progress)?;
                    }
                }
            }
        }
        let covered = self.inputs.lock_covers_the_project();
        match &self.inputs.project {
            Project::Package { file, dependencies } => {
                if !self.inputs.install_the_repository_themselves(&self.repo) {
                    let known = if covered { Some(&[][..]) } else { dependencies.as_deref() };
                    self.install_project(file, known, installation, progress)?;
                }
            }
            Project::Dependencies(list) if !covered => {
                self.install_list(list, installation, progress)?;
            }
            Project::Dependencies(_) | Project::Plain => {}
        }
        Ok(())
    }

    fn refuse_other_python(
        &self,
        asked: &Requirements,
        python: &Version,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let wanted = asked.converted.as_ref().and_then(|converted| converted.python.as_ref());
        let Some(wanted) = wanted.filter(|w| !range::fits(&w.range, &python.to_string())) else {
            return Ok(());
        };
        let error = DependencyError::OtherPython {
            file: installer::file_argument(&asked.file, &self.repo),
            key: wanted.key,
            range: wanted.range.clone(),
            python: python.clone(),
        };
        if wanted.binds {
            return Err(error);
        }
        progress(&error.to_string());
        Ok(())
    }

    /// Those with hashes and those without apart: an installer that checks one checks all.
    fn install_converted(
        &self,
        what: &str,
        asked: &Requirements,
        converted: &Converted,
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let name = asked.file.file_name().unwrap_or_default();
        let alone: &[&str] = if converted.complete { &["--no-deps"] } else { &[] };
        for (text, checked) in
            [(&converted.hashed, &["--require-hashes"][..]), (&converted.others, &[])]
        {
            if !text.is_empty() {
                let list = List::new(name, text)?;
                let args = [alone, checked, &["-r", list.path()]].concat();
                installation.install(what, &args, Some(asked), progress)?;
            }
        }
        Ok(())
    }

    /// The requirements of `pyproject.toml`, within the bounds of a lock that does not have them.
    fn install_list(
        &self,
        list: &[String],
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        if list.is_empty() {
            return Ok(());
        }
        progress("Installing the dependencies of pyproject.toml");
        let what = "the dependencies of pyproject.toml";
        let list = List::new("pyproject.toml", &list.join("\n"))?;
        let pins = self.pins()?;
        let mut args = vec!["-r", list.path()];
        args.extend(pins.iter().flat_map(|pins| ["-c", pins.path()]));
        let requirements = self.inputs.requirements.as_ref();
        Ok(installation.install(what, &args, requirements, progress)?)
    }

    /// The versions of a lock as bounds for what else is installed.
    fn pins(&self) -> Result<Option<List>, FileError> {
        let converted = self.inputs.converted().filter(|converted| !converted.pinned.is_empty());
        converted.map(|converted| List::new("locked", &converted.pinned)).transpose()
    }

    /// The app runs from its repository. So where it is known what it depends on, that is installed
    /// first, and a build tool that then makes no package of it, whatever its reason, stops nothing.
    fn install_project(
        &self,
        file: &str,
        dependencies: Option<&[String]>,
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        if let Some(list) = dependencies {
            self.install_list(list, installation, progress)?;
        }
        progress(&format!("Installing the app as a package ({file})"));
        let link = installation.venv().site_packages().map(|site| site.join(LINK));
        if let Some(link) = &link {
            files::remove_if_exists(link)?;
        }
        let pins = self.pins()?;
        let mut args = Vec::new();
        match dependencies {
            Some(_) => args.push("--no-deps"),
            None => args.extend(pins.iter().flat_map(|pins| ["-c", pins.path()])),
        }
        let Some(_) = dependencies else {
            return self.install_package(file, &args, installation, progress);
        };
        // What a failure that stops nothing printed is of no use to anybody.
        let mut printed = Vec::new();
        let result =
            self.install_package(file, &args, installation, &mut |l| printed.push(l.to_owned()));
        match result {
            Err(DependencyError::Install(error)) if is_of_the_build(&error) => {
                progress(&format!(
                    "The app could not be installed as a package ({file}: {}). It runs from its \
                     folder, and its dependencies are installed",
                    reason(&error)
                ));
                let source = self.real_repo().join("src");
                if let Some(link) = link.filter(|_| holds_modules(&source)) {
                    files::write_atomic(&link, format!("{source}\n").as_bytes(), 0o644)?;
                }
                Ok(())
            }
            result => {
                printed.iter().for_each(|line| progress(line));
                result
            }
        }
    }

    /// An app that runs from its repository often never said which of its folders are packages;
    /// older build tools did not ask. Then its metadata alone are installed, which name its
    /// dependencies: from a folder that holds the files of the repository's top but no code.
    fn install_package(
        &self,
        file: &str,
        args: &[&str],
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let what = format!("the app as a package ({file})");
        let linked = installation.install(&what, &[args, &["-e", "."]].concat(), None, progress);
        let is_lost =
            matches!(&linked, Err(InstallError::Failed { failure: Failure::Discovery, .. }));
        if !is_lost || !self.is_built_by_setuptools()? {
            return Ok(linked?);
        }
        progress("Its folders are no packages to the build tool: installing its dependencies only");
        let folder = without_code(&self.repo)?;
        let path = folder.path().to_string_lossy();
        Ok(installation.install(&what, &[args, &[&path]].concat(), None, progress)?)
    }

    /// Other build tools make no package of a folder without code, either: asking them again would
    /// only take time.
    fn is_built_by_setuptools(&self) -> Result<bool, FileError> {
        let text = files::read_if_exists(&self.repo.join("pyproject.toml"))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Ok(!text.contains("build-backend") || text.contains("setuptools"))
    }

    pub(super) fn install_server(
        &self,
        missing: &[Requirement],
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        progress(&format!("Installing {} for the server", names(missing)));
        let (optional, needed): (Vec<_>, Vec<_>) =
            missing.iter().cloned().partition(|r| r.optional);
        if optional.is_empty() {
            return self.install_for_server(missing, installation, progress);
        }
        // What a failure that stops nothing printed is of no use to anybody.
        let mut printed = Vec::new();
        let result =
            self.install_for_server(missing, installation, &mut |l| printed.push(l.to_owned()));
        match result {
            Ok(()) => printed.iter().for_each(|line| progress(line)),
            // It may be half there.
            Err(DependencyError::Install(InstallError::Failed {
                failure: Failure::DiskFull,
                ..
            })) => return result,
            Err(_) => {
                if !needed.is_empty() {
                    self.install_for_server(&needed, installation, progress)?;
                }
                progress(&format!(
                    "The server runs without {}: not to be had compiled for this Python",
                    names(&optional)
                ));
            }
        }
        Ok(())
    }

    fn install_for_server(
        &self,
        missing: &[Requirement],
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let names = names(missing);
        // Rather an older version within our bounds than minutes of compiling a newer one.
        let mut args = vec!["--prefer-binary"];
        for requirement in missing {
            // Named, but not there: the app bounds its version without asking for it.
            if self.inputs.name(requirement.name) {
                args.push(requirement.name);
            } else {
                args.extend(requirement.lines);
            }
            if requirement.optional {
                args.extend(["--only-binary", requirement.name]);
            }
        }
        let constraints = self.inputs.requirements.iter().flat_map(|r| &r.constraints);
        for file in constraints {
            args.extend(["-c", file.as_str()]);
        }
        let pins = self.pins()?;
        args.extend(pins.iter().flat_map(|pins| ["-c", pins.path()]));
        let what = format!("{names}, which the server needs,");
        let installed = installation.install(&what, &args, None, progress);
        installed.map_err(|source| self.against_the_lock(names, source))
    }

    /// Says of a failure whether it comes from the bounds of a lock.
    fn against_the_lock(&self, names: String, source: InstallError) -> DependencyError {
        let asked = self.inputs.requirements.as_ref();
        let Some((asked, converted)) =
            asked.and_then(|asked| Some((asked, asked.converted.as_ref()?)))
        else {
            return source.into();
        };
        let InstallError::Failed { failure: Failure::Conflict, last_lines, .. } = &source else {
            return source.into();
        };
        let file = installer::file_argument(&asked.file, &self.repo);
        let said = last_lines.join("\n");
        let pins = converted.pinned.lines().filter_map(|line| line.split_whitespace().next());
        let in_the_way = pins.filter(|pin| {
            said.split(|c: char| c.is_whitespace() || ",;".contains(c)).any(|word| word == *pin)
        });
        let mut locked: Vec<String> = in_the_way.map(|pin| format!("{pin} ({file})")).collect();
        if locked.is_empty() {
            locked.push(file);
        }
        DependencyError::AgainstLock { names, locked, source: Box::new(source) }
    }
}

fn names(requirements: &[Requirement]) -> String {
    requirements.iter().map(|r| r.name).collect::<Vec<_>>().join(", ")
}

/// Whether trying again would not help, unlike with a network or a disk that is at fault.
fn is_of_the_build(error: &InstallError) -> bool {
    match error {
        InstallError::Failed { failure, .. } => {
            !matches!(failure, Failure::Network | Failure::DiskFull)
        }
        InstallError::NotStarted(_) => false,
    }
}

/// The words of the build tool, which is a program in Python, or what is known without them.
fn reason(error: &InstallError) -> String {
    let InstallError::Failed { failure, last_lines, .. } = error else { return error.to_string() };
    let raised = |line: &&str| {
        let kind = line.split(": ").next().unwrap_or_default();
        line.contains(": ") && kind.ends_with("Error") && !kind.contains(' ')
    };
    let mut lines = last_lines.iter().map(|line| line.trim());
    lines.rfind(raised).map_or_else(|| failure.to_string(), str::to_owned)
}

/// Whether a folder is one to import from, and no package or something else.
fn holds_modules(folder: &Utf8Path) -> bool {
    let is_module =
        |path: &Utf8Path| path.extension() == Some("py") || path.join("__init__.py").is_file();
    let mut entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    !folder.join("__init__.py").exists() && entries.any(|entry| is_module(entry.path()))
}

/// A list of requirements in a file of its own, under the name of the file that it was made from.
struct List {
    _folder: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl List {
    fn new(name: &str, text: &str) -> Result<Self, FileError> {
        let place = Utf8PathBuf::from(format!("{name}.txt"));
        let failed = |source| FileError::new("write", &place, source);
        let folder = tempfile::tempdir().map_err(failed)?;
        let path = Utf8PathBuf::from_path_buf(folder.path().join(&place)).map_err(|_| {
            failed(std::io::Error::other("the directory for temporary files is not UTF-8"))
        })?;
        files::write_unsynced(&path, text.as_bytes(), 0o600)?;
        Ok(Self { _folder: folder, path })
    }

    fn path(&self) -> &str {
        self.path.as_str()
    }
}

/// A folder with the files of the repository's top, its modules left out.
pub(super) fn without_code(repo: &Utf8Path) -> Result<tempfile::TempDir, FileError> {
    let failed = |source| FileError::new("copy the files of", repo, source);
    let folder = tempfile::tempdir().map_err(failed)?;
    for entry in repo.as_std_path().read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_module = name.as_encoded_bytes().ends_with(b".py") && name != "setup.py";
        if entry.path().is_file() && !is_module {
            std::fs::copy(entry.path(), folder.path().join(name)).map_err(failed)?;
        }
    }
    Ok(folder)
}
