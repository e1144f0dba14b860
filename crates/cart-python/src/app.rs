//! The app behind nginx, from its settings to the command that serves it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{CartridgeDir, CommandSpec, Gear, GearEnv, SettingError};
use semver::Version;

use crate::dependencies::{self, DependencyError, Ensured, Wish};
use crate::entry_point::{EntryPoint, EntryPointError};
use crate::inputs::{Inputs, InputsError};
use crate::interpreter::{Interpreter, InterpreterError, PythonVersion};
use crate::locale;
use crate::project::Project;
use crate::python_wish::{PythonWish, PythonWishError};
use crate::server::{Launch, WsgiServer};
use crate::settings::PythonSettings;
use crate::sizing::Resources;
use crate::stamp::Stamp;
use crate::support;
use crate::virtualenv::{Condition, VirtualEnv, environment_for, outside};

/// Where things of the Python side are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The app's repository.
    pub repo: Utf8PathBuf,
    /// The virtual environment; may be a link.
    pub environment: Utf8PathBuf,
    /// The launchers' files.
    pub launchers: Utf8PathBuf,
    /// Where pip may keep a cache.
    pub tmp: Utf8PathBuf,
}

impl Places {
    /// Where they are on a gear. The environment's name is in `managed_files.yml`, by which the
    /// node makes it a link into the dependencies of a deployment.
    #[must_use]
    pub fn on_gear(gear: &Gear, dir: &CartridgeDir) -> Self {
        Self {
            repo: gear.repo.clone(),
            environment: dir.path().join("virtenv"),
            launchers: dir.conf().join("python"),
            tmp: gear.tmp.clone(),
        }
    }
}

/// An app with checked settings.
#[derive(Clone, Debug)]
pub struct PythonApp {
    /// What was set.
    pub settings: PythonSettings,
    /// Where things are.
    pub places: Places,
    version: PythonVersion,
    env: GearEnv,
    gear: Gear,
}

impl PythonApp {
    /// The app of a gear. `version` is the cartridge's software version.
    ///
    /// # Errors
    /// [`PythonError::Setting`] for a variable whose value is not allowed, and
    /// [`PythonError::Interpreter`] for an unknown version. Nothing is looked for yet.
    pub fn new(
        env: &GearEnv,
        gear: &Gear,
        dir: &CartridgeDir,
        version: &str,
    ) -> Result<Self, PythonError> {
        let places = Places::on_gear(gear, dir);
        // The node puts the environment's own programs on the gear's PATH.
        let env = locale::completed(outside(&places.environment, env));
        let version =
            PythonVersion::parse(version).map_err(|error| error.naming_what_is_there(&env))?;
        let settings = PythonSettings::from_env(&env)?;
        Ok(Self { settings, places, version, env, gear: gear.clone() })
    }

    /// Makes everything ready to serve: environment, packages, launchers. What is done is told to
    /// `progress`, line by line; when nothing is to be done, no process runs. With
    /// `from_nothing` the environment is made anew.
    ///
    /// # Errors
    /// [`PythonError`]; the environment that a running server uses is as it was, then.
    pub fn prepare(
        &self,
        from_nothing: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Prepared, PythonError> {
        let inputs = self.inputs()?;
        let python = self.python_wish()?;
        self.early_entry_point(&inputs)?;
        let ensured = self.ensure(&inputs, &python, false, from_nothing, progress)?;
        python.tell(&ensured.python, progress);
        let entry_point = self.locate(|| ensured.venv.import_folders())?;
        support::write(&self.places.launchers)?;
        Ok(Prepared {
            launch: self.launch(ensured.venv, entry_point),
            server: self.settings.server,
            python: ensured.python,
            changed: ensured.changed,
        })
    }

    /// Makes the environment without asking for the app, which need not be there yet, nor a
    /// requirements file that somebody named.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn prepare_environment(&self, progress: &mut dyn FnMut(&str)) -> Result<(), PythonError> {
        let inputs = Inputs::read(&self.places.repo, None, &self.pips_env())?;
        let python = self.python_wish()?;
        self.ensure(&inputs, &python, true, false, progress)?;
        Ok(support::write(&self.places.launchers)?)
    }

    /// What the app asks for.
    ///
    /// # Errors
    /// [`InputsError`] naming the file that cannot be read.
    pub fn inputs(&self) -> Result<Inputs, InputsError> {
        let named = self.settings.requirements_path.as_deref();
        Inputs::read(&self.places.repo, named, &self.pips_env())
    }

    /// The version of the Python that the next start takes: that of the environment in place, if it
    /// is kept, else of one that is found.
    ///
    /// # Errors
    /// [`PythonWishError`] when there is none.
    pub fn next_python(&self, wish: &PythonWish) -> Result<Version, PythonWishError> {
        match VirtualEnv::at(&self.places.environment).condition(wish, &self.env) {
            Condition::Sound(stamp) if wish.keeps(&stamp) => Ok(stamp.python.version),
            _ => Ok(wish.find(&self.env)?.version),
        }
    }

    /// The interpreter that an environment would be made with.
    ///
    /// # Errors
    /// [`PythonError::Python`] when there is none that is wanted and can make one.
    pub fn find_interpreter(&self) -> Result<Interpreter, PythonError> {
        Ok(self.python_wish()?.find(&self.env)?)
    }

    /// Which Python the app is to run on, and who says so; read anew each time.
    ///
    /// # Errors
    /// [`PythonWishError`], when it is one that is not served.
    pub fn python_wish(&self) -> Result<PythonWish, PythonWishError> {
        PythonWish::read(self.version, &self.places.repo, &self.env)
    }

    /// The version of the environment's Python as it was made, without running anything; `None`
    /// before the first [`prepare`](Self::prepare).
    #[must_use]
    pub fn python_version(&self) -> Option<Version> {
        Stamp::read(&self.places.environment).map(|stamp| stamp.python.version)
    }

    /// The server's name.
    #[must_use]
    pub fn server_name(&self) -> &'static str {
        self.settings.server.name()
    }

    /// Worker processes that the server will have, or `None` when it has none.
    #[must_use]
    pub fn workers(&self) -> Option<u32> {
        self.settings.server.has_workers().then(|| {
            let fitting = || Resources::of_gear(&self.gear).default_workers();
            self.settings.workers.unwrap_or_else(fitting)
        })
    }

    /// What pip sees of the gear's environment.
    fn pips_env(&self) -> GearEnv {
        environment_for(&VirtualEnv::at(&self.places.environment), &self.env)
    }

    fn ensure(
        &self,
        inputs: &Inputs,
        python: &PythonWish,
        provisional: bool,
        clean: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        let wish = Wish {
            place: &self.places.environment,
            repo: &self.places.repo,
            python,
            provisional,
            inputs,
            server: &self.settings.server.requirements(&self.settings),
            env: &self.env,
            tmp: &self.places.tmp,
            mirror: self.settings.mirror.as_ref(),
            clean,
        };
        dependencies::ensure(&wish, progress)
    }

    /// Nobody should wait for an installation to hear that there is no app: unless something is
    /// installed that may bring it, for which it answers `None`, it must be there now. Nothing but
    /// the repository itself brings a module that nobody named.
    ///
    /// # Errors
    /// [`EntryPointError`].
    pub fn early_entry_point(
        &self,
        inputs: &Inputs,
    ) -> Result<Option<EntryPoint>, EntryPointError> {
        let named = self.settings.wsgi_application.is_some();
        let is_package = matches!(inputs.project, Project::Package { .. });
        if is_package || (named && inputs.ask_for_something()) {
            return Ok(None);
        }
        self.locate(|| VirtualEnv::at(&self.places.environment).import_folders()).map(Some)
    }

    fn locate(
        &self,
        elsewhere: impl FnOnce() -> Vec<Utf8PathBuf>,
    ) -> Result<EntryPoint, EntryPointError> {
        let default = EntryPoint::default();
        let entry_point = self.settings.wsgi_application.as_ref().unwrap_or(&default);
        let repo: &Utf8Path = &self.places.repo;
        match entry_point.locate(repo, &[]) {
            Err(EntryPointError::Missing { .. }) => entry_point.locate(repo, &elsewhere()),
            other => other,
        }
    }

    fn launch(&self, venv: VirtualEnv, entry_point: EntryPoint) -> Launch {
        Launch {
            venv,
            app_dir: self.places.repo.clone(),
            entry_point,
            workers: self.workers().unwrap_or(1),
            worker_class: self.settings.worker_class.clone(),
            threads: self.settings.threads,
            drain: self.settings.drain_timeout,
            env: self.env.clone(),
            launchers: self.places.launchers.clone(),
        }
    }
}

/// An app that is ready to be served.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The server.
    pub server: &'static dyn WsgiServer,
    /// The version of its Python.
    pub python: Version,
    /// Whether anything had to be installed.
    pub changed: bool,
    /// Everything that the server's command depends on.
    pub launch: Launch,
}

impl Prepared {
    /// The command that serves the app on descriptor 3.
    #[must_use]
    pub fn command(&self) -> CommandSpec {
        self.server.command(&self.launch)
    }

    /// How long running requests may take after the server's stop signal.
    #[must_use]
    pub fn drain(&self) -> Duration {
        self.launch.drain
    }
}

/// What keeps an app from being served.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// A variable whose value is not allowed.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An unknown software version.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// The app asks for a Python that it cannot have, or none was found.
    #[error(transparent)]
    Python(#[from] PythonWishError),
    /// The app's callable is not where it should be.
    #[error(transparent)]
    EntryPoint(#[from] EntryPointError),
    /// The app's wishes cannot be read.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// Its environment could not be made as it wishes.
    #[error(transparent)]
    Dependencies(#[from] DependencyError),
    /// The launchers could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
