//! One gear on this machine: its directory, its environment, and the running of scripts on it.

use std::ffi::OsString;
use std::net::SocketAddr;

use camino::Utf8PathBuf;
use cart_core::files::FileError;
use cart_core::{CommandSpec, GearEnv};

use crate::environment::endpoint::Endpoints;
use crate::environment::gear_variables;
use crate::environment::sources::Sources;
use crate::environment::user_variables;
use crate::gear::options::{Conditions, GearOptions};
use crate::layout::error::GearError;
use crate::layout::identity;
use crate::layout::installed::{Installed, Source, Usr};
use crate::layout::output::HookOutput;
use crate::layout::paths::Layout;
use crate::layout::state::{Marks, State};
use crate::scripts::action_hooks::{self, ActionHooks, Found, When};
use crate::scripts::processes::Processes;
use crate::scripts::progress::{Caller, Progress};
use crate::scripts::run::{Runner, Script, check_first_line, is_executable};

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
        Marks { state: State::New, stop_lock: false }.set(&layout)?;
        let mut gear = Self::on(layout, options.name, options.more_path, options.conditions);
        (gear.source, gear.endpoints, gear.usr) = (Some(source), endpoints, usr);
        Ok(gear)
    }

    pub(crate) fn on(
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
                note: None,
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
    /// [`GearError`].
    pub fn set_user_variable(&self, name: &str, value: &str) -> Result<(), GearError> {
        user_variables::set(&self.layout, name, value)
    }

    /// Unsets a user's variable.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn unset_user_variable(&self, name: &str) -> Result<(), GearError> {
        user_variables::unset(&self.layout, name)
    }

    /// Runs `control ACTION` with the app's own hooks around it, as a node does when its user asks.
    /// A cartridge without an executable `bin/control` has done it already.
    ///
    /// # Errors
    /// [`GearError`] of the hook that failed; what comes after it did not run.
    pub fn control(
        &self,
        action: &str,
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, GearError> {
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
    ) -> Result<HookOutput, GearError> {
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
        for hook in before.iter().chain(&after) {
            let name = hook.file_name().unwrap_or_default();
            check_first_line(&format!(".openshift/action_hooks/{name}"), hook)?;
        }
        let env = self.environment()?;
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

    /// Runs `control ACTION [ARGUMENT]` without any hook of the app's.
    pub(crate) fn control_without_hooks(
        &self,
        action: &str,
        argument: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, GearError> {
        let args: Vec<&str> = std::iter::once(action).chain(argument).collect();
        self.setup_script("control", &args, progress)
    }

    /// Runs one of the scripts that put a cartridge on a gear or take it off; one that is missing
    /// has done its work.
    pub(crate) fn setup_script(
        &self,
        name: &str,
        args: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<HookOutput, GearError> {
        let Some(cartridge) = &self.primary else {
            return Ok(HookOutput::default());
        };
        let program = cartridge.script(name);
        if program.symlink_metadata().is_err() {
            return Ok(HookOutput::default());
        }
        let env = self.environment()?;
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
    ) -> Result<(), GearError> {
        let found = ActionHooks::of(&self.layout.repo()).find(name);
        let Some(program) = scripts(vec![found], progress).pop() else {
            return Ok(());
        };
        let env = self.sources().for_gear()?;
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
