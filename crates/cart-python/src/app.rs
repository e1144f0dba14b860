//! The app behind nginx, from its settings to the command that serves it.

pub mod collected;
mod decided;
pub mod dependencies;
mod error;
mod served;
mod sized;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{CartridgeDir, CommandSpec, Gear, GearEnv};
use semver::Version;

use self::dependencies::{DependencyError, Ensured, Wish};
use crate::environment::installer::cache;
use crate::environment::interpreter::{self, Interpreter, Wanted};
use crate::environment::locale;
use crate::environment::python_wish::{PythonWish, PythonWishError};
use crate::environment::stamp::{BasePython, Fate, Stamp};
use crate::environment::virtualenv::pack::{PackError, pack};
use crate::environment::virtualenv::{Condition, VirtualEnv, environment_for, outside};
use crate::repository::background::Background;
use crate::repository::discovery::{self, DiscoveryError, Found};
use crate::repository::inputs::{Inputs, InputsError};
use crate::repository::procfile;
use crate::runtime::support;
use crate::serving::server::Requirement;
use crate::serving::server::backends::gunicorn::CONFIGURATION as GUNICORN_CONFIGURATION;
use crate::serving::server::choice::{self, Chosen};
use crate::serving::settings::PythonSettings;
use crate::variables::entry_point::{EntryPoint, EntryPointError};
use crate::variables::interface::{Interface, Told};

pub use decided::Decided;
pub use error::PythonError;
pub use served::{ReadyServer, Served};

/// Where things of the Python side are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The app's repository.
    pub repo: Utf8PathBuf,
    /// The virtual environment; may be a link.
    pub environment: Utf8PathBuf,
    /// The launchers' files.
    pub launchers: Utf8PathBuf,
    /// A directory for what was read of the app's code; it may be lost.
    pub seen: Utf8PathBuf,
    /// What a launcher has found out about the app; likewise.
    pub told: Utf8PathBuf,
    /// What its processes were seen to take; likewise.
    pub memory: Utf8PathBuf,
    /// The app's data.
    pub data: Utf8PathBuf,
    /// Where installers may keep their caches.
    pub cache: Utf8PathBuf,
    /// The uv that the cartridge brings, if it does.
    pub own_uv: Utf8PathBuf,
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
            seen: dir.run(),
            told: dir.run().join("interface.json"),
            memory: dir.run().join("memory.json"),
            data: gear.data.clone(),
            cache: cache::place(&gear.tmp),
            own_uv: dir.usr().join("bin/uv"),
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
    version: Wanted,
    below: Option<String>,
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
            Wanted::of_software(version).map_err(|error| error.naming_what_is_there(&env))?;
        let settings = PythonSettings::from_env(&env)?;
        Ok(Self { settings, places, version, below: None, env, gear: gear.clone() })
    }

    /// Makes everything ready to serve as was decided: environment, packages, launchers. What is done
    /// is told to `progress`, line by line; when nothing is to be done, no process runs. With
    /// `from_nothing` the environment is made anew.
    ///
    /// # Errors
    /// [`PythonError`]; the environment that a running server uses is as it was, then.
    pub fn prepare(
        &self,
        decided: Decided,
        from_nothing: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Prepared, PythonError> {
        let Decided { inputs, python, app, websocket, background, .. } = decided;
        let second = websocket.as_ref().map(|second| &second.chosen);
        let servers = [Some(&app.chosen), second];
        let ensured = self.ensure(inputs, python, servers, from_nothing, progress)?;
        let app = self.ready(app, &ensured.venv)?;
        let second = self.for_websockets().zip(websocket);
        let second = second.map(|(view, second)| view.ready(second, &ensured.venv));
        let websocket = second.transpose()?;
        support::write(&self.places.launchers)?;
        let Ensured { python, changed, .. } = ensured;
        Ok(Prepared { app, websocket, background, python, changed })
    }

    /// Finds the app, without installing or importing anything. When nothing has changed since the
    /// last time, no process runs.
    ///
    /// # Errors
    /// [`PythonError::Discovery`], and [`PythonError::Interpreter`] when there is no Python that
    /// could read its files.
    pub fn find(&self) -> Result<Found, PythonError> {
        self.find_on(&self.python_wish()?)
    }

    fn find_on(&self, wish: &PythonWish) -> Result<Found, PythonError> {
        let stamp = Stamp::read(&self.places.environment).map(|stamp| stamp.python);
        let python = match stamp.filter(|p| wish.fits(&p.version) && p.fate() == Fate::Same) {
            Some(python) => python,
            None => BasePython::of(&wish.find(&self.env)?)?,
        };
        self.find_by(&python)
    }

    /// As [`find`](Self::find), with whatever Python there is.
    ///
    /// # Errors
    /// As `find`.
    pub fn find_by_any_python(&self) -> Result<Found, PythonError> {
        let python = interpreter::find(&Wanted::Any, &self.env)?;
        self.find_by(&BasePython::of(&python)?)
    }

    fn find_by(&self, python: &BasePython) -> Result<Found, PythonError> {
        let second = self.settings.websocket.as_ref();
        Ok(discovery::find(&discovery::Search {
            repo: &self.places.repo,
            set: self.settings.application.as_ref(),
            program: self.settings.server.and_then(|server| server.program()),
            beside: second.and_then(|second| Some(second.application.as_ref()?.0)),
            python,
            env: &self.env,
            place: &self.places.seen,
        })?)
    }

    /// Makes the environment without asking for the app, which need not be there yet, nor a
    /// requirements file that somebody named.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn prepare_environment(&self, progress: &mut dyn FnMut(&str)) -> Result<(), PythonError> {
        let inputs = Inputs::read(&self.places.repo, None, &self.pips_env())?;
        let python = self.python_wish()?.before_the_app();
        // Without an app, a server that cannot run it is no error yet.
        let chosen = self.choose(None).ok();
        self.ensure(inputs, python, [chosen.as_ref(), None], false, progress)?;
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
        PythonWish::read(self.version.clone(), &self.places.repo, &self.env)
    }

    /// The name of the server that would run the app now. Where no app is found, what is set
    /// decides.
    ///
    /// # Errors
    /// [`PythonError::CannotRun`] for a server that cannot run the app.
    pub fn server_name(&self) -> Result<&'static str, PythonError> {
        Ok(self.choose(self.find().ok().as_ref())?.server.name())
    }

    /// Keeps what the launcher of a server has found its app to be; answers whether another
    /// [`prepare`](Self::prepare) chooses another server for it. Nobody's wish is overruled.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be kept.
    pub fn learn(&self, served: &Served, interface: Interface) -> Result<bool, FileError> {
        let Served { found, chosen } = served;
        if chosen.is_wish() || chosen.interface == Some(interface) {
            return Ok(false);
        }
        let app = found.entry_point.to_string();
        Told::new(&app, found.interface, interface).write(&self.places.told)?;
        Ok(true)
    }

    /// What the app is believed to be decides the server where nobody chose.
    ///
    /// # Errors
    /// [`PythonError::CannotRun`] for a server that cannot run the app.
    pub fn choose(&self, found: Option<&Found>) -> Result<Chosen, PythonError> {
        let interface = found.and_then(|found| {
            let app = found.entry_point.to_string();
            Told::read(&self.places.told, &app, found.interface).or(found.interface)
        });
        let web = procfile::web(&self.places.repo)?.filter(|_| self.below.is_none());
        let configures_gunicorn = self.places.repo.join(GUNICORN_CONFIGURATION).is_file();
        Ok(choice::choose(&self.settings, web.as_ref(), interface, configures_gunicorn)?)
    }

    /// What is to run beside the server.
    ///
    /// # Errors
    /// [`PythonError::Setting`] and [`PythonError::File`], as [`Background::read`] and [`Background::check`].
    pub fn background(&self) -> Result<Background, PythonError> {
        let background = Background::read(&self.places.repo, &self.settings.processes)?;
        background.check(&self.settings.processes)?;
        Ok(background)
    }

    /// A command of the app's own: in its repository and its environment, as its server runs.
    #[must_use]
    pub fn command(&self, program: impl Into<Utf8PathBuf>) -> CommandSpec {
        CommandSpec::new(program, &self.pips_env()).dir(&self.places.repo)
    }

    /// What is installed: its Python, and the packages by name, each with its version.
    #[must_use]
    pub fn installed(&self) -> (Option<Version>, BTreeMap<String, String>) {
        let place = &self.places.environment;
        let python = Stamp::read(place).map(|stamp| stamp.python.version);
        (python, VirtualEnv::at(place).packages().collect())
    }

    /// Compiles what was built, because nobody will be able to write into it; only the app, if that `is_done` for
    /// its environment.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn pack(&self, is_done: bool) -> Result<(), PackError> {
        pack(&VirtualEnv::at(&self.places.environment), &self.places.repo, is_done, &self.env)
    }

    /// What pip sees of the gear's environment, and commands of the app's.
    fn pips_env(&self) -> GearEnv {
        environment_for(&VirtualEnv::at(&self.places.environment), &self.env)
    }

    fn ensure(
        &self,
        inputs: Inputs,
        python: PythonWish,
        servers: [Option<&Chosen>; 2],
        clean: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Ensured, DependencyError> {
        let mut server: Vec<Requirement> = Vec::new();
        for chosen in servers.into_iter().flatten() {
            let of_server = chosen.server.requirements(&chosen.settings.worker_class());
            let more = of_server.into_iter().filter(|needed| !server.contains(needed));
            server.extend(more.collect::<Vec<_>>());
        }
        let wish = Wish {
            place: self.places.environment.clone(),
            repo: self.places.repo.clone(),
            python,
            inputs,
            server,
            env: self.env.clone(),
            cache: self.places.cache.clone(),
            installer: self.settings.installer,
            own_uv: self.places.own_uv.clone(),
            mirror: self.settings.mirror.clone(),
            clean,
        };
        dependencies::ensure(&wish, progress)
    }

    /// Nobody should wait for an installation to hear that there is no app: unless something is
    /// installed that may bring it, it must be there now.
    ///
    /// # Errors
    /// [`DiscoveryError`].
    pub fn refuse_early(&self, inputs: &Inputs, found: &Found) -> Result<(), DiscoveryError> {
        if found.is_named && inputs.ask_for_something() {
            return Ok(());
        }
        self.locate(found, || VirtualEnv::at(&self.places.environment).import_folders())?;
        Ok(())
    }

    fn locate(
        &self,
        found: &Found,
        elsewhere: impl FnOnce() -> Vec<Utf8PathBuf>,
    ) -> Result<EntryPoint, DiscoveryError> {
        let repo: &Utf8Path = &self.places.repo;
        let located = match found.entry_point.locate(repo, &[]) {
            Err(EntryPointError::Missing { .. }) => found.entry_point.locate(repo, &elsewhere()),
            other => other,
        };
        located.map_err(|problem| found.not_there(problem))
    }
}

/// A part of a sentence that is to stand alone.
#[must_use]
pub fn capitalized(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// An app that is ready to be served.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its server.
    pub app: ReadyServer,
    /// A second one beside it.
    pub websocket: Option<ReadyServer>,
    /// What runs beside both.
    pub background: Background,
    /// The version of their Python.
    pub python: Version,
    /// Whether anything had to be installed.
    pub changed: bool,
}

#[cfg(test)]
mod tests;
