//! Bringing an environment to what the app and its server ask for, and doing nothing when it is
//! there already.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::FileError;
use semver::Version;

use crate::inputs::Inputs;
use crate::installer::failure::Failure;
use crate::installer::uv::Program;
use crate::installer::{self, Choice, InstallError, Installation, Options};
use crate::interpreter::Interpreter;
use crate::mirror::MirrorUrl;
use crate::project::Project;
use crate::python_wish::{PythonWish, PythonWishError};
use crate::server::Requirement;
use crate::stamp::{BasePython, Stamp};
use crate::virtualenv::relocate::relocate;
use crate::virtualenv::stage::{Stage, StageError};
use crate::virtualenv::{Condition, VirtualEnv, comparable};

/// What an environment shall be.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Where it stands; may be a link.
    pub place: &'a Utf8Path,
    /// The app's repository.
    pub repo: &'a Utf8Path,
    /// The Python that it shall have.
    pub python: &'a PythonWish,
    /// What the app asks for.
    pub inputs: &'a Inputs,
    /// What the server asks for.
    pub server: &'a [Requirement],
    /// The gear's environment.
    pub env: &'a GearEnv,
    /// Where installers may keep their caches.
    pub cache: &'a Utf8Path,
    /// What installs.
    pub installer: Choice,
    /// Where the cartridge may bring a uv.
    pub own_uv: &'a Utf8Path,
    /// The package index to prefer.
    pub mirror: Option<&'a MirrorUrl>,
    /// Whether everything is to be made from nothing.
    pub clean: bool,
}

/// An environment as it was wished for.
#[derive(Clone, Debug)]
pub struct Ensured {
    /// The environment.
    pub venv: VirtualEnv,
    /// The version of its Python.
    pub python: Version,
    /// Whether anything had to be done.
    pub changed: bool,
}

/// Brings the environment at `wish.place` to what is wished for. What is done is told to
/// `progress`, line by line. When there is nothing to do, it runs no process.
///
/// # Errors
/// [`DependencyError`]; the environment in place is as it was, then.
pub fn ensure(wish: &Wish<'_>, progress: &mut dyn FnMut(&str)) -> Result<Ensured, DependencyError> {
    let venv = VirtualEnv::at(wish.place);
    let condition = match wish.clean {
        true => Condition::Unusable("a clean build was asked for".to_owned()),
        false => venv.condition(wish.python, wish.env),
    };
    match condition {
        Condition::Sound(stamp) => match wish.instead_of(&stamp)? {
            Some(interpreter) => wish.build_on(&interpreter, venv, progress),
            None => wish.update(&venv, stamp, progress),
        },
        Condition::Missing => wish.build(venv, progress),
        Condition::Unusable(reason) => {
            // One from before there was an app is nobody's loss.
            let counts = match Stamp::read(wish.place) {
                Some(stamp) => !stamp.provisional || wish.python.provisional,
                None => wish.place.join("bin").exists(),
            };
            if counts {
                progress(&format!("The virtual environment is made anew: {reason}"));
            }
            wish.build(venv, progress)
        }
    }
}

/// Makes the paths inside the environment at `place`, whose app is in `repo`, those of this gear,
/// as [`ensure`] would before anything else. One that carries no stamp is left alone.
///
/// # Errors
/// [`FileError`]; it may be called again then.
pub fn settle(place: &Utf8Path, repo: &Utf8Path) -> Result<(), FileError> {
    let Some(stamp) = Stamp::read(place) else { return Ok(()) };
    let repo = canonical(repo);
    if *stamp.place == *place && stamp.repo == repo {
        return Ok(());
    }
    let moves = [(&*stamp.place, place), (&*stamp.repo, &*repo)];
    relocate(&VirtualEnv::at(place), &moves)?;
    let mut here = stamp.clone();
    here.place = place.to_owned();
    here.repo = repo;
    here.write(place)
}

/// As installers see a directory, which follow links.
fn canonical(directory: &Utf8Path) -> Utf8PathBuf {
    directory.canonicalize_utf8().unwrap_or_else(|_| directory.to_owned())
}

impl Wish<'_> {
    /// From nothing.
    fn build(
        &self,
        venv: VirtualEnv,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        self.build_on(&self.python.find(self.env)?, venv, progress)
    }

    /// The Python that the app gets instead of the one with this stamp, if it is not
    /// [kept](PythonWish::keeps) and that is another.
    fn instead_of(&self, stamp: &Stamp) -> Result<Option<Interpreter>, DependencyError> {
        if self.python.keeps(stamp) {
            return Ok(None);
        }
        let best = self.python.find(self.env)?;
        Ok((best.executable != stamp.python.executable).then_some(best))
    }

    fn build_on(
        &self,
        interpreter: &Interpreter,
        venv: VirtualEnv,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        progress(&format!(
            "Making a virtual environment with Python {} ({})",
            interpreter.version, interpreter.executable
        ));
        let python = BasePython::of(interpreter)?;
        let uv = self.find_uv(progress);
        let stage = Stage::fresh(self.place, interpreter, self.env, uv.as_ref())?;
        let mut stamp = Stamp::new(python, self.place, &self.real_repo());
        stamp.provisional = self.python.provisional;
        let stamp = self.install(&stage, stamp, uv.as_ref(), progress)?;
        stage.put_in_place(&stamp, &[])?;
        Ok(Ensured { venv, python: interpreter.version.clone(), changed: true })
    }

    /// From one that works. Changes are made in a copy.
    fn update(
        &self,
        venv: &VirtualEnv,
        stamp: Stamp,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        let real_repo = self.real_repo();
        let mut wanted = stamp.clone();
        wanted.place = self.place.to_owned();
        wanted.repo = real_repo.clone();
        wanted.provisional &= self.python.provisional;
        let moves = [(&*stamp.place, self.place), (&*stamp.repo, &*real_repo)];
        let nothing_to_install =
            stamp.app == self.inputs.digest && self.missing(venv, &stamp).is_empty();
        let changed = if nothing_to_install {
            self.refuse_too_old(venv)?;
            self.keep(venv, &wanted, &moves)?
        } else {
            let stage = Stage::copy_of(self.place)?;
            let uv = self.find_uv(progress);
            let wanted = self.install(&stage, wanted, uv.as_ref(), progress)?;
            stage.put_in_place(&wanted, &moves)?;
            true
        };
        Ok(Ensured { venv: venv.clone(), python: stamp.python.version, changed })
    }

    /// Leaves it as it is, but for the paths of one that was moved. Answers whether it was.
    fn keep(
        &self,
        venv: &VirtualEnv,
        wanted: &Stamp,
        moves: &[(&Utf8Path, &Utf8Path)],
    ) -> Result<bool, DependencyError> {
        let there = Stamp::read(self.place);
        if there.as_ref() == Some(wanted) {
            return Ok(false);
        }
        let provisional = wanted.provisional;
        let moved = there.map(|mut there| {
            there.provisional = provisional;
            there != *wanted
        });
        if moved != Some(false) {
            relocate(venv, moves)?;
        }
        wanted.write(self.place)?;
        Ok(moved != Some(false))
    }

    /// Installs into a stage what its stamp does not say is there; answers its new stamp.
    fn install(
        &self,
        stage: &Stage,
        mut stamp: Stamp,
        uv: Option<&Program>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Stamp, DependencyError> {
        let mut installation = LazyInstallation { stage, wish: self, uv, ready: None };
        if stamp.app != self.inputs.digest {
            self.install_app(&mut installation, progress)?;
            stamp.app.clone_from(&self.inputs.digest);
            stamp.ours.retain(|name, _| !self.inputs.name(name));
        }
        let missing = self.missing(stage.venv(), &stamp);
        if !missing.is_empty() {
            self.install_server(&missing, &mut installation, progress)?;
            for requirement in &missing {
                stamp.ours.insert(requirement.name.to_owned(), lines(requirement));
            }
        }
        self.refuse_too_old(stage.venv())?;
        installation.finish();
        Ok(stamp)
    }

    fn install_app(
        &self,
        installation: &mut LazyInstallation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let requirements = self.inputs.requirements.as_ref();
        if let Some(asked) = requirements.filter(|r| r.asks_for_something) {
            let file = installer::file_argument(&asked.file, self.repo);
            progress(&format!("Installing the packages of {file}"));
            let what = format!("the packages of {file}");
            let installation = installation.get(progress);
            installation.install(&what, &["-r", &file], requirements, progress)?;
        }
        match &self.inputs.project {
            Project::Package { file } => {
                if !self.inputs.install_the_repository_themselves(self.repo) {
                    progress(&format!("Installing the app as a package ({file})"));
                    self.install_package(file, installation.get(progress), progress)?;
                }
            }
            Project::Dependencies(list) if !list.is_empty() => {
                progress("Installing the dependencies of pyproject.toml");
                let args: Vec<&str> = list.iter().map(String::as_str).collect();
                let what = "the dependencies of pyproject.toml";
                installation.get(progress).install(what, &args, requirements, progress)?;
            }
            Project::Dependencies(_) | Project::Plain => {}
        }
        Ok(())
    }

    /// An app that runs from its repository often never said which of its folders are packages;
    /// older build tools did not ask. Then its metadata alone are installed, which name its
    /// dependencies: from a folder that holds the files of the repository's top but no code.
    fn install_package(
        &self,
        file: &str,
        installation: &Installation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let what = format!("the app as a package ({file})");
        let linked = installation.install(&what, &["-e", "."], None, progress);
        let Err(InstallError::Failed { failure: Failure::Discovery, .. }) = linked else {
            return Ok(linked?);
        };
        progress("Its folders are no packages to the build tool: installing its dependencies only");
        let folder = without_code(self.repo)?;
        let path = folder.path().to_string_lossy();
        Ok(installation.install(&what, &[&path], None, progress)?)
    }

    fn install_server(
        &self,
        missing: &[Requirement],
        installation: &mut LazyInstallation<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), DependencyError> {
        let names: Vec<_> = missing.iter().map(|r| r.name).collect();
        let names = names.join(", ");
        progress(&format!("Installing {names} for the server"));
        // Rather an older version within our bounds than minutes of compiling a newer one.
        let mut args = vec!["--prefer-binary"];
        for requirement in missing {
            // Named, but not there: the app bounds its version without asking for it.
            if self.inputs.name(requirement.name) {
                args.push(requirement.name);
            } else {
                args.extend(requirement.lines);
            }
        }
        let constraints = self.inputs.requirements.iter().flat_map(|r| &r.constraints);
        for file in constraints {
            args.extend(["-c", file.as_str()]);
        }
        let what = format!("{names}, which the server needs,");
        Ok(installation.get(progress).install(&what, &args, None, progress)?)
    }

    /// What the server needs and is not there, or is there by an older choice of ours.
    fn missing(&self, venv: &VirtualEnv, stamp: &Stamp) -> Vec<Requirement> {
        let outdated = |r: &Requirement| match stamp.ours.get(r.name) {
            Some(chosen_by) => !self.inputs.name(r.name) && *chosen_by != lines(r),
            None => false,
        };
        self.server
            .iter()
            .filter(|r| outdated(r) || venv.installed(r.name).is_none())
            .cloned()
            .collect()
    }

    /// The app may choose a version of a server's package, but not one that cannot serve it.
    fn refuse_too_old(&self, venv: &VirtualEnv) -> Result<(), DependencyError> {
        for requirement in self.server {
            let installed = venv.installed(requirement.name);
            if let Some(version) = installed.filter(|v| comparable(v) < requirement.oldest) {
                return Err(DependencyError::TooOld {
                    package: requirement.name,
                    version,
                    oldest: requirement.oldest.clone(),
                });
            }
        }
        Ok(())
    }

    fn find_uv(&self, progress: &mut dyn FnMut(&str)) -> Option<Program> {
        if self.installer == Choice::Pip {
            return None;
        }
        let found = Program::find(self.own_uv, self.env, progress);
        if found.is_none() && self.installer == Choice::Uv {
            progress(
                "There is no uv that will do, neither on the PATH nor in the cartridge: pip installs",
            );
        }
        found
    }

    fn real_repo(&self) -> Utf8PathBuf {
        canonical(self.repo)
    }
}

/// What installs, made ready when it is first needed.
struct LazyInstallation<'a> {
    stage: &'a Stage,
    wish: &'a Wish<'a>,
    uv: Option<&'a Program>,
    ready: Option<Installation<'a>>,
}

impl<'a> LazyInstallation<'a> {
    fn get(&mut self, progress: &mut dyn FnMut(&str)) -> &Installation<'a> {
        let Self { stage, wish, uv, ready } = self;
        ready.get_or_insert_with(|| {
            let options = Options {
                env: wish.env,
                repo: wish.repo,
                cache: wish.cache,
                mirror: wish.mirror,
                uv: *uv,
            };
            Installation::new(stage, options, progress)
        })
    }

    fn finish(&self) {
        self.ready.iter().for_each(Installation::finish);
    }
}

fn lines(requirement: &Requirement) -> Vec<String> {
    requirement.lines.iter().map(|l| (*l).to_owned()).collect()
}

/// A folder with the files of the repository's top, its modules left out.
fn without_code(repo: &Utf8Path) -> Result<tempfile::TempDir, FileError> {
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

/// An environment that could not be brought to what was wished for.
#[derive(Debug, thiserror::Error)]
pub enum DependencyError {
    /// There is no Python to build on.
    #[error(transparent)]
    Python(#[from] PythonWishError),
    /// It could not be made, or put in place.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Packages could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The app's own choice of a package is too old for the server.
    #[error(
        "{package} {version}, which the app asks for, is too old to serve it: {oldest} or newer is \
         needed. Ask for a newer one, or for none: then the cartridge chooses it"
    )]
    TooOld {
        /// The package.
        package: &'static str,
        /// What is installed.
        version: String,
        /// What the launchers work with.
        oldest: Version,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
