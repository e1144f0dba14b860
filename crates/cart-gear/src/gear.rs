//! One gear on this machine: its directory, its environment, and the running of scripts on it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{CommandSpec, GearEnv};

use crate::action_hooks::{self, ActionHooks, Found, When};
use crate::endpoint::{Endpoints, Listen};
use crate::environ::{self, Sources};
use crate::gear_variables;
use crate::identity;
use crate::installed::{Installed, InstalledError, Source, Usr};
use crate::layout::Layout;
use crate::output::HookOutput;
use crate::processes::Processes;
use crate::progress::{Caller, Interrupts, Progress};
use crate::scripts::{HookError, Runner, Script, is_executable};
use crate::state::State;
use crate::user_variables::{self, UserVariableError};

/// What a gear is to be.
#[derive(Clone, Debug)]
pub struct GearOptions {
    /// The cartridge's directory, as its author delivers it.
    pub cartridge: Utf8PathBuf,
    /// The application's name: letters and digits.
    pub name: String,
    /// Where the app is to be reached.
    pub listen: Listen,
    /// Directories that come after those of the node in `PATH`, colon-separated.
    pub more_path: Option<OsString>,
    /// What the one who makes it brings along.
    pub conditions: Conditions,
}

/// What somebody who works on a gear brings along; the gear does not remember it.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What the machine gives to every gear, as a node's `/etc/openshift/env` does.
    pub node: GearEnv,
    /// How long one script may take; a node gives an hour under `git push` (node-contract.md,
    /// Running scripts).
    pub limit: Duration,
    /// Asked for while a script runs.
    pub interrupts: Interrupts,
}

impl Default for Conditions {
    /// Nothing from the machine, an hour, and nobody interrupts.
    fn default() -> Self {
        Self {
            node: GearEnv::new(),
            limit: Duration::from_secs(3600),
            interrupts: Interrupts::default(),
        }
    }
}

impl GearOptions {
    /// A gear of `cartridge` for the application `name` that listens where nobody else does and
    /// gets nothing from the machine.
    #[must_use]
    pub fn new(cartridge: impl Into<Utf8PathBuf>, name: &str) -> Self {
        Self {
            cartridge: cartridge.into(),
            name: name.to_owned(),
            listen: Listen::Anywhere,
            more_path: None,
            conditions: Conditions::default(),
        }
    }
}

/// A gear. It stays when this goes out of scope: [`GearHome`](crate::GearHome) finds it again;
/// [`Throwaway`](crate::Throwaway) is one that does not stay.
#[derive(Debug)]
pub struct GearOnDisk {
    pub(crate) layout: Layout,
    pub(crate) name: String,
    /// The cartridge to be put on it, until that is done.
    pub(crate) source: Option<Source>,
    pub(crate) primary: Option<Installed>,
    pub(crate) endpoints: Endpoints,
    pub(crate) runner: Runner,
    pub(crate) usr: Usr,
    node: GearEnv,
    more_path: Option<OsString>,
}

impl GearOnDisk {
    /// Makes a gear in the directory `home`, which is made if it is missing; no script runs and no
    /// cartridge is on it yet.
    pub(crate) fn make(
        home: Utf8PathBuf,
        source: Source,
        endpoints: Endpoints,
        usr: Usr,
        options: GearOptions,
    ) -> Result<Self, FileError> {
        let layout = Layout::new(home, &identity::hexadecimal(24)?);
        layout.create()?;
        gear_variables::write(&layout, &options.name)?;
        State::New.write(&layout)?;
        let mut gear = Self::on(layout, options.name, options.more_path, options.conditions);
        (gear.source, gear.endpoints, gear.usr) = (Some(source), endpoints, usr);
        Ok(gear)
    }

    /// Finds the gear in `home` again, from the node's layout; `more_path` is what comes after the
    /// node's directories in `PATH`. It may have no cartridge, if its making was killed.
    ///
    /// # Errors
    /// [`OpenError`] naming the file that is missing or wrong, or the owner.
    pub fn open(
        home: &Utf8Path,
        more_path: Option<OsString>,
        conditions: Conditions,
    ) -> Result<Self, OpenError> {
        let owner = home.metadata().map_err(|e| FileError::new("read", home, e))?.uid();
        let me = rustix::process::geteuid().as_raw();
        if owner != me {
            return Err(OpenError::Owner { home: home.to_owned(), owner, me });
        }
        let variables: GearEnv = environ::variables(&home.join(".env"))?.into_iter().collect();
        let required =
            |variable: &'static str| match variables.get(variable).and_then(|v| v.to_str()) {
                Some(value) if !value.is_empty() => Ok(value.to_owned()),
                _ => Err(OpenError::Variable { home: home.to_owned(), variable }),
            };
        let layout = Layout::new(home.to_owned(), &required("OPENSHIFT_GEAR_UUID")?);
        let name = required("OPENSHIFT_GEAR_NAME")?;
        let mut gear = Self::on(layout, name, more_path, conditions);
        if let Ok(directory) = variables.directory("OPENSHIFT_PRIMARY_CARTRIDGE_DIR") {
            let cartridge = Installed::open(&directory)?;
            gear.endpoints = Endpoints::of_variables(&cartridge.manifest, &variables);
            gear.primary = Some(cartridge);
        }
        Ok(gear)
    }

    fn on(
        layout: Layout,
        name: String,
        more_path: Option<OsString>,
        conditions: Conditions,
    ) -> Self {
        Self {
            runner: Runner {
                limit: conditions.limit,
                interrupts: conditions.interrupts,
                processes: Processes::new(layout.home().to_owned(), layout.uuid()),
            },
            layout,
            name,
            source: None,
            primary: None,
            endpoints: Endpoints::default(),
            usr: Usr::Copied,
            node: conditions.node,
            more_path,
        }
    }

    /// The application's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where things are on it.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The cartridge on it, once it is configured.
    #[must_use]
    pub fn cartridge(&self) -> Option<&Installed> {
        self.primary.as_ref()
    }

    /// The addresses of its cartridge.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where people visit the app, if its cartridge listens at all.
    #[must_use]
    pub fn visit(&self) -> Option<SocketAddr> {
        self.endpoints.visit()
    }

    /// The directories of its logs: the cartridge's and the gear's own.
    #[must_use]
    pub fn log_directories(&self) -> Vec<Utf8PathBuf> {
        let own = self.primary.as_ref().map(|cartridge| cartridge.directory.join("logs"));
        own.into_iter().chain([self.layout.logs()]).collect()
    }

    /// The version that its cartridge names first, while it is to be put on it.
    pub(crate) fn default_version(&self) -> Option<String> {
        self.source.as_ref().map(|source| source.manifest.version.clone())
    }

    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> &Processes {
        &self.runner.processes
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(&self.layout)
    }

    /// The environment of the cartridge's scripts as they would get it now, or that of the gear
    /// while it has no cartridge.
    ///
    /// # Errors
    /// [`FileError`] naming a variable's file that cannot be read.
    pub fn environment(&self) -> Result<GearEnv, FileError> {
        match &self.primary {
            Some(cartridge) => self.sources().for_cartridge(&cartridge.directory),
            None => self.sources().for_gear(),
        }
    }

    /// Sets a user's variable for all scripts that run from now on.
    ///
    /// # Errors
    /// [`UserVariableError`].
    pub fn set_user_variable(&self, name: &str, value: &str) -> Result<(), UserVariableError> {
        user_variables::set(&self.layout, name, value)
    }

    /// Unsets a user's variable.
    ///
    /// # Errors
    /// [`UserVariableError`].
    pub fn unset_user_variable(&self, name: &str) -> Result<(), UserVariableError> {
        user_variables::unset(&self.layout, name)
    }

    /// Runs `control ACTION` with the app's own hooks around it, as a node does when its user asks.
    /// A cartridge without an executable `bin/control` has done it already.
    ///
    /// # Errors
    /// [`HookError`] of the hook that failed; what comes after it did not run.
    pub fn control(
        &self,
        action: &str,
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, HookError> {
        self.user_hook(&When::Before.of(action), progress)?;
        let output = self.control_alone(action, progress)?;
        self.user_hook(&When::After.of(action), progress)?;
        Ok(output)
    }

    /// `control ACTION` without the hooks that run apart from it; those that are read by the same
    /// shell do run.
    pub(crate) fn control_alone(
        &self,
        action: &str,
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, HookError> {
        let Some(cartridge) = &self.primary else {
            return Ok(HookOutput::default());
        };
        let control = cartridge.script("control");
        if !is_executable(&control) {
            return Ok(HookOutput::default());
        }
        let hooks = ActionHooks::of(&self.layout.repo());
        let (name, version) = (&cartridge.manifest.name, &cartridge.version);
        let mut sourced = |when| scripts(hooks.sourced(when, action, name, version), progress);
        let (before, after) = (sourced(When::Before), sourced(When::After));
        let env = self.environment().map_err(HookError::Environment)?;
        let command = if before.is_empty() && after.is_empty() {
            CommandSpec::new(&control, &env).arg(action)
        } else {
            let program = action_hooks::around(&before, &control, action, &after);
            CommandSpec::new(shell(), &env).args(["-c".to_owned(), program])
        };
        let script = Script {
            name: format!("control {action}"),
            caller: Caller::Control,
            command: command.dir(&cartridge.directory),
        };
        self.runner.run(&script, progress)
    }

    /// Runs one of the scripts that put a cartridge on a gear or take it off; one that is missing
    /// has done its work.
    pub(crate) fn setup_script(
        &self,
        name: &str,
        args: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, HookError> {
        let Some(cartridge) = &self.primary else {
            return Ok(HookOutput::default());
        };
        let program = cartridge.script(name);
        if program.symlink_metadata().is_err() {
            return Ok(HookOutput::default());
        }
        let env = self.environment().map_err(HookError::Environment)?;
        let script = Script {
            name: format!("bin/{name}"),
            caller: Caller::Setup,
            command: CommandSpec::new(program, &env)
                .args(args.iter().copied())
                .dir(&cartridge.directory),
        };
        self.runner.run(&script, progress)
    }

    /// Runs a hook of the app's own, in the gear's home.
    pub(crate) fn user_hook(
        &self,
        name: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), HookError> {
        let found = ActionHooks::of(&self.layout.repo()).find(name);
        let Some(program) = scripts(vec![found], progress).pop() else {
            return Ok(());
        };
        let env = self.sources().for_gear().map_err(HookError::Environment)?;
        let script = Script {
            name: format!(".openshift/action_hooks/{name}"),
            caller: Caller::UserHook,
            command: CommandSpec::new(program, &env).dir(self.layout.home()),
        };
        self.runner.run(&script, progress).map(|_| ())
    }

    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            layout: &self.layout,
            node: &self.node,
            primary: self.primary.as_ref().map(|c| c.directory.as_path()),
            more_path: self.more_path.as_deref(),
        }
    }
}

/// The scripts among what was found; a file that cannot be run is worth a word.
fn scripts(found: Vec<Found>, progress: &mut dyn Progress) -> Vec<Utf8PathBuf> {
    let mut scripts = Vec::new();
    for found in found {
        match found {
            Found::Script(path) => scripts.push(path),
            Found::NotExecutable(path) => {
                let name = path.file_name().unwrap_or_default();
                progress.notice(&format!(
                    "The hook .openshift/action_hooks/{name} is not executable and was not run (chmod 755 it)"
                ));
            }
            Found::Nothing => {}
        }
    }
    scripts
}

/// Hooks that a shell reads are written for bash.
fn shell() -> Utf8PathBuf {
    let bash = Utf8PathBuf::from("/bin/bash");
    if bash.exists() { bash } else { "/bin/sh".into() }
}

/// A gear that cannot be found again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is another user's.
    #[error(
        "{home} belongs to the user {owner}, and this is user {me}: run gear as the one who made the gear"
    )]
    Owner {
        /// The gear's home.
        home: Utf8PathBuf,
        /// The uid of its owner.
        owner: u32,
        /// Our own uid.
        me: u32,
    },
    /// A variable without which it is no gear.
    #[error("{home} is no whole gear: it has no .env/{variable}")]
    Variable {
        /// The gear's home.
        home: Utf8PathBuf,
        /// The variable.
        variable: &'static str,
    },
    /// Its cartridge.
    #[error(transparent)]
    Cartridge(#[from] InstalledError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}
