//! One gear on this machine: its directory, its environment, and the running of scripts on it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{CommandSpec, GearEnv};
use tempfile::TempDir;

use crate::action_hooks::{self, ActionHooks, Found, When};
use crate::endpoint::{EndpointError, Endpoints, Listen};
use crate::environ::Sources;
use crate::gear_variables;
use crate::identity;
use crate::installed::{Installed, Source, SourceError};
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
    /// The directory that the gear's home is made in.
    pub parent: Utf8PathBuf,
    /// Where the app is to be reached.
    pub listen: Listen,
    /// What the machine gives to every gear, as a node's `/etc/openshift/env` does.
    pub node: GearEnv,
    /// Directories that come after those of the node in `PATH`, colon-separated.
    pub more_path: Option<OsString>,
    /// How long one script may take; a node gives an hour under `git push` (node-contract.md,
    /// Running scripts).
    pub limit: Duration,
    /// Asked for while a script runs.
    pub interrupts: Interrupts,
}

impl GearOptions {
    /// A gear of `cartridge` for the application `name`, in a directory in `parent`, that listens
    /// on the loopback address and gets nothing from the machine.
    #[must_use]
    pub fn new(
        cartridge: impl Into<Utf8PathBuf>,
        name: &str,
        parent: impl Into<Utf8PathBuf>,
    ) -> Self {
        Self {
            cartridge: cartridge.into(),
            name: name.to_owned(),
            parent: parent.into(),
            listen: Listen::Anywhere,
            node: GearEnv::new(),
            more_path: None,
            limit: Duration::from_secs(3600),
            interrupts: Interrupts::default(),
        }
    }
}

/// A throwaway gear. When it goes out of scope without [`destroy`](Self::destroy), its processes
/// are ended and its directory is removed, but no script of the cartridge is asked.
#[derive(Debug)]
pub struct GearOnDisk {
    pub(crate) layout: Layout,
    pub(crate) source: Source,
    pub(crate) primary: Option<Installed>,
    pub(crate) endpoints: Endpoints,
    pub(crate) runner: Runner,
    node: GearEnv,
    more_path: Option<OsString>,
    /// Removes what is left of the home at the very end.
    _home: TempDir,
}

impl GearOnDisk {
    /// Makes a gear; no script runs and no cartridge is on it yet.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left behind.
    pub fn create(options: GearOptions) -> Result<Self, CreateError> {
        let source = Source::read(&options.cartridge)?;
        let endpoints = Endpoints::choose(&source.manifest, options.listen)?;
        let (guard, home) = make_home(&options.parent, &source)?;
        let layout = Layout::new(home, &identity::hexadecimal(24)?);
        layout.create()?;
        gear_variables::write(&layout, &options.name)?;
        State::New.write(&layout)?;
        Ok(Self {
            runner: Runner {
                limit: options.limit,
                interrupts: options.interrupts,
                processes: Processes::new(layout.home().to_owned(), layout.uuid()),
            },
            layout,
            source,
            primary: None,
            endpoints,
            node: options.node,
            more_path: options.more_path,
            _home: guard,
        })
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

impl Drop for GearOnDisk {
    fn drop(&mut self) {
        // After `destroy` there is nothing left to find.
        let _ = self.runner.processes.end_all(Duration::from_secs(2));
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

/// Makes the home. Services put sockets into the cartridge's directory, and a socket's path has at
/// most 107 bytes.
fn make_home(parent: &Utf8Path, source: &Source) -> Result<(TempDir, Utf8PathBuf), CreateError> {
    const LONGEST_SOCKET: usize = 107;
    const LEFT_TO_CARTRIDGE: usize = 40;
    let parent = parent.canonicalize_utf8().map_err(|e| FileError::new("read", parent, e))?;
    let guard = tempfile::Builder::new()
        .prefix("gear-")
        .tempdir_in(&parent)
        .map_err(|e| FileError::new("make a directory in", &parent, e))?;
    let home = parent.join(guard.path().file_name().unwrap_or_default().to_string_lossy().as_ref());
    let used = home.as_str().len() + 1 + source.manifest.directory_name().len();
    if used + LEFT_TO_CARTRIDGE > LONGEST_SOCKET {
        return Err(CreateError::PathTooLong { home });
    }
    Ok((guard, home))
}

/// A gear that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The cartridge's directory is none.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its address cannot be had.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Sockets in it would have too long a path.
    #[error(
        "the path of the gear's directory, {home}, is too long for sockets in it: use a directory with a shorter path (TMPDIR=/tmp)"
    )]
    PathTooLong {
        /// The directory.
        home: Utf8PathBuf,
    },
    /// Something could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}
