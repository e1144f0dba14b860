//! Bringing an environment to what the app and its server ask for, and doing nothing when it is
//! there already.

mod packages;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::FileError;
use semver::Version;

use crate::environment::installer::cache::Cache;
use crate::environment::installer::uv::program::Program;
use crate::environment::installer::{Choice, InstallError, Installation, Options};
use crate::environment::interpreter::Interpreter;
use crate::environment::python_wish::{PythonWish, PythonWishError};
use crate::environment::stamp::{BasePython, Stamp};
use crate::environment::virtualenv::relocate::relocate;
use crate::environment::virtualenv::stage::{Stage, StageError};
use crate::environment::virtualenv::{Condition, VirtualEnv};
use crate::packages::spelling::comparable;
use crate::repository::inputs::Inputs;
use crate::serving::server::Requirement;
use crate::variables::mirror::MirrorUrl;
use crate::variables::names::SERVER;

/// How many packages one line names.
const NAMED: usize = 5;

/// What an environment shall be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where it stands; may be a link.
    pub place: Utf8PathBuf,
    /// The app's repository.
    pub repo: Utf8PathBuf,
    /// The Python that it shall have.
    pub python: PythonWish,
    /// What the app asks for.
    pub inputs: Inputs,
    /// What the server asks for.
    pub server: Vec<Requirement>,
    /// The gear's environment.
    pub env: GearEnv,
    /// Where installers may keep their caches.
    pub cache: Utf8PathBuf,
    /// What installs.
    pub installer: Choice,
    /// Where the cartridge may bring a uv.
    pub own_uv: Utf8PathBuf,
    /// The package index to prefer.
    pub mirror: Option<MirrorUrl>,
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
pub fn ensure(wish: &Wish, progress: &mut dyn FnMut(&str)) -> Result<Ensured, DependencyError> {
    let venv = VirtualEnv::at(&wish.place);
    let condition = match wish.clean {
        true => Condition::Unusable("a clean build was asked for".to_owned()),
        false => venv.condition(&wish.python, &wish.env),
    };
    match condition {
        Condition::Sound(stamp) => match wish.instead_of(&stamp)? {
            Some(interpreter) => wish.build_on(&interpreter, venv, progress),
            None => match wish.unlocked_since(&stamp).as_slice() {
                [] => wish.update(&venv, *stamp, progress),
                gone => {
                    let names = gone[..gone.len().min(NAMED)].join(", ");
                    let more = if gone.len() > NAMED { " and others" } else { "" };
                    progress(&format!(
                        "The virtual environment is made anew, without what is not locked any more: \
                         {names}{more}"
                    ));
                    wish.build(venv, progress)
                }
            },
        },
        Condition::Missing => wish.build(venv, progress),
        Condition::Unusable(reason) => {
            // One from before there was an app is nobody's loss.
            let counts = match Stamp::read(&wish.place) {
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

impl Wish {
    /// From nothing.
    fn build(
        &self,
        venv: VirtualEnv,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        self.build_on(&self.python.find(&self.env)?, venv, progress)
    }

    /// The Python that the app gets instead of the one with this stamp, if it is not
    /// [kept](PythonWish::keeps) and that is another.
    fn instead_of(&self, stamp: &Stamp) -> Result<Option<Interpreter>, DependencyError> {
        if self.python.keeps(stamp) {
            return Ok(None);
        }
        let best = self.python.find(&self.env)?;
        Ok((best.executable != stamp.python.executable).then_some(best))
    }

    /// What an environment with this stamp has by a lock that has it no more. What is there without
    /// being locked works here and nowhere else.
    fn unlocked_since(&self, stamp: &Stamp) -> Vec<String> {
        if stamp.locked.is_empty() || stamp.app == self.inputs.digest {
            return Vec::new();
        }
        stamp.locked.difference(&self.inputs.locked()).cloned().collect()
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
        let cache = Cache::below(&self.cache);
        let stage = Stage::fresh(&self.place, interpreter, &self.env, uv.as_ref(), &cache)?;
        let mut stamp = Stamp::new(python, &self.place, &self.real_repo());
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
        wanted.place = self.place.clone();
        wanted.repo = real_repo.clone();
        wanted.provisional &= self.python.provisional;
        let moves = [(&*stamp.place, &*self.place), (&*stamp.repo, &*real_repo)];
        let nothing_to_install =
            stamp.app == self.inputs.digest && self.missing(venv, &stamp).is_empty();
        let changed = if nothing_to_install {
            self.refuse_too_old(venv)?;
            self.keep(venv, &wanted, &moves)?
        } else {
            let stage = Stage::copy_of(&self.place)?;
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
        let there = Stamp::read(&self.place);
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
        wanted.write(&self.place)?;
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
        let installation = Installation::new(
            stage,
            Options {
                env: &self.env,
                repo: &self.repo,
                cache: &self.cache,
                mirror: self.mirror.as_ref(),
                uv,
            },
        );
        let mut missing = Vec::new();
        if stamp.app != self.inputs.digest {
            self.install_app(&installation, &stamp.python.version, progress)?;
            stamp.app.clone_from(&self.inputs.digest);
            stamp.locked = self.inputs.locked();
            // What is not there could not be had: with another app, it is asked for again.
            let is_there = |name: &str| stage.venv().installed(name).is_some();
            stamp.ours.retain(|name, _| !self.inputs.name(name) && is_there(name));
            missing = self.unsettled(&stamp);
        }
        if missing.is_empty() {
            missing = self.missing(stage.venv(), &stamp);
        }
        if !missing.is_empty() {
            self.install_server(&missing, &installation, progress)?;
            for requirement in &missing {
                stamp.ours.insert(requirement.name.to_owned(), lines(requirement));
            }
        }
        self.refuse_too_old(stage.venv())?;
        installation.finish()?;
        Ok(stamp)
    }

    /// What the server needs and is not there, or is there by an older choice of ours.
    fn missing(&self, venv: &VirtualEnv, stamp: &Stamp) -> Vec<Requirement> {
        let outdated = |r: &Requirement| match stamp.ours.get(r.name) {
            Some(chosen_by) => !self.inputs.name(r.name) && *chosen_by != lines(r),
            None => false,
        };
        let was_asked_for = |r: &Requirement| stamp.ours.contains_key(r.name);
        let is_missing = |r: &Requirement| {
            let asked_in_vain = r.optional && was_asked_for(r);
            venv.installed(r.name).is_none() && !asked_in_vain
        };
        let wanted = self.server.iter().filter(|r| self.may_add(r));
        wanted.filter(|r| outdated(r) || is_missing(r)).cloned().collect()
    }

    /// An app that says all that shall be there, the server among it, gets nothing beside; nor is a
    /// package that is not needed added where the app bounds it.
    fn may_add(&self, requirement: &Requirement) -> bool {
        let needed = self.server.iter().filter(|r| !r.optional);
        let chooses_the_server = || needed.clone().any(|r| self.inputs.name(r.name));
        let is_whole = || {
            let asked = self.inputs.requirements.as_ref();
            asked.is_some_and(|asked| match &asked.converted {
                Some(converted) => converted.complete,
                None => asked.are_hashed(),
            })
        };
        !requirement.optional
            || !(self.inputs.name(requirement.name) || (chooses_the_server() && is_whole()))
    }

    /// What the server has had in an environment whose other versions a lock has changed since.
    fn unsettled(&self, stamp: &Stamp) -> Vec<Requirement> {
        let locked = self.inputs.converted().is_some_and(|converted| converted.complete);
        match locked && !stamp.ours.is_empty() {
            true => {
                let added = |r: &&Requirement| !self.inputs.name(r.name) && self.may_add(r);
                self.server.iter().filter(added).cloned().collect()
            }
            false => Vec::new(),
        }
    }

    /// The app may choose a version of a server's package, but not one that cannot serve it.
    fn refuse_too_old(&self, venv: &VirtualEnv) -> Result<(), DependencyError> {
        for requirement in &self.server {
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
        let found = Program::find(&self.own_uv, &self.env, progress);
        if found.is_none() && self.installer == Choice::Uv {
            progress(
                "There is no uv that will do, neither on the PATH nor in the cartridge: pip installs",
            );
        }
        found
    }

    fn real_repo(&self) -> Utf8PathBuf {
        canonical(&self.repo)
    }
}

fn lines(requirement: &Requirement) -> Vec<String> {
    requirement.lines.iter().map(|l| (*l).to_owned()).collect()
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
    /// A lock is for other versions of Python.
    #[error(
        "{file}: `{key}` is `{range}`, and this Python is {python}. Choose a Python that fits, or \
         lock for this one, too"
    )]
    OtherPython {
        /// The lock, as its author names it.
        file: String,
        /// What says it there.
        key: &'static str,
        /// What it says.
        range: String,
        /// The environment's Python.
        python: Version,
    },
    /// The server needs other versions than those of a lock.
    #[error(
        "{names} does not go with {}, and what is locked is not changed. Lock versions that go \
         with it, or choose another server by {}\n{source}",
        locked.join(", "),
        SERVER.name
    )]
    AgainstLock {
        /// What the server needs.
        names: String,
        /// The locked versions in the way, or the lock itself.
        locked: Vec<String>,
        /// What the installer says.
        source: Box<InstallError>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
