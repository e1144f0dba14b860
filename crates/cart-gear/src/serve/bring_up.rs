//! From an empty gear to an app that answers.

use std::net::SocketAddr;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::files::FileError;
use cart_core::tree;

use crate::deploy::build::Code;
use crate::deploy::error::BuildError;
use crate::deploy::git::{Commit, Repository};
use crate::deploy::line::Order;
use crate::deploy::without_push::Elsewhere;
use crate::environment::endpoint::Endpoints;
use crate::environment::user_variables::UserVariableError;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::template_app::{Template, TemplateError};
use crate::home::lifecycle::ConfigureError;
use crate::scripts::answer::{self, AnswerError};
use crate::scripts::output::HookOutput;
use crate::scripts::progress::{Caller, Progress};
use crate::scripts::run::HookError;
use crate::serve::follow;

/// How long an app that has started may take to its first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// What a new gear is to run.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// The directory of the app; the cartridge's template if none is named.
    pub directory: Option<Utf8PathBuf>,
    /// A repository elsewhere that holds the app, if no directory is named.
    pub elsewhere: Option<Elsewhere>,
    /// The version of the cartridge's software; that of its manifest if none is named.
    pub version: Option<String>,
    /// The user's variables, later ones of the same name winning.
    pub variables: Vec<(String, String)>,
}

impl App {
    /// Whether there is an app where it is said to be, so that nothing is begun without.
    ///
    /// # Errors
    /// [`BringUpError::NoApp`].
    pub fn check(&self) -> Result<(), BringUpError> {
        match &self.directory {
            Some(app) if !app.is_dir() => Err(BringUpError::NoApp { app: app.clone() }),
            _ => Ok(()),
        }
    }
}

/// Puts cartridge and app on a new gear, starts it, and waits until the app has answered; answers
/// where it did. That is nowhere when the cartridge has no endpoint, or neither the person nor the
/// cartridge brought an app: then nothing is started, as on a node.
///
/// # Errors
/// [`BringUpError`]; the gear is good for nothing but being destroyed then.
pub(crate) fn bring_up(
    gear: &mut GearOnDisk,
    app: &App,
    progress: &mut dyn Progress,
) -> Result<Option<SocketAddr>, BringUpError> {
    tell_other_ports(gear.endpoints(), progress);
    for (name, value) in &app.variables {
        gear.set_user_variable(name, value)?;
    }
    let version = app.version.clone().or_else(|| gear.default_version()).unwrap_or_default();
    gear.configure(&version, progress)?;
    let started = match (&app.directory, &app.elsewhere) {
        (Some(directory), _) => {
            match gear.first_commit(directory, "The app as it was when the gear was made")? {
                Some(first) => build_commit(gear, &first, progress)?,
                None => {
                    gear.populate(directory)?;
                    gear.build_and_deploy(progress)?;
                }
            }
            true
        }
        (None, Some(elsewhere)) => {
            progress.step(&format!("git fetch {}", elsewhere.url), Caller::Control);
            build_commit(gear, &gear.fetch_first(elsewhere)?, progress)?;
            true
        }
        (None, None) => start_template(gear, progress)?,
    };
    gear.post_install(progress).map_err(BuildError::Hook)?;
    if !started {
        progress.notice("The cartridge brings no app along, so there is nothing to start yet");
        return Ok(None);
    }
    let Some(address) = gear.visit() else {
        progress.notice("The cartridge has no endpoint, so there is nothing to visit");
        return Ok(None);
    };
    wait_for_answer(gear, address, progress)?;
    Ok(Some(address))
}

/// An app that came with the cartridge is built only where the cartridge asks for it; `install` has
/// left something that can be started (node-contract.md, Lifecycle, post_configure).
fn start_template(
    gear: &mut GearOnDisk,
    progress: &mut dyn Progress,
) -> Result<bool, BringUpError> {
    let Some(cartridge) = gear.cartridge().cloned() else {
        return Ok(false);
    };
    let Some(template) = Template::of(&cartridge.directory) else {
        return Ok(false);
    };
    let repo = gear.layout().repo();
    tree::empty(&repo)?;
    template.copy_to(&repo, &gear.environment()?)?;
    let first = gear.first_commit(&repo, "The template of the cartridge")?;
    let commit = first.as_ref().map(|(_, commit)| commit);
    if cartridge.manifest.install_build_required {
        gear.deploy_code(Code::InPlace(commit), Order::StopFirst, progress)?;
    } else {
        gear.deploy_unbuilt(commit, progress)?;
    }
    Ok(true)
}

/// The first build is the node's to the letter: nothing runs that could serve on.
fn build_commit(
    gear: &mut GearOnDisk,
    (repository, commit): &(Repository, Commit),
    progress: &mut dyn Progress,
) -> Result<(), BuildError> {
    let code = Code::Commit(repository, commit);
    gear.deploy_code(code, Order::StopFirst, progress).map(drop)
}

fn tell_other_ports(endpoints: &Endpoints, progress: &mut dyn Progress) {
    for bound in &endpoints.bound {
        if let Some(wanted) = bound.instead_of {
            let taken = bound.address.port();
            progress.notice(&format!(
                "Port {wanted} is taken; using {taken} instead (--listen chooses another)"
            ));
        }
    }
}

fn wait_for_answer(
    gear: &GearOnDisk,
    address: SocketAddr,
    progress: &mut dyn Progress,
) -> Result<(), BringUpError> {
    progress.step("waiting for the app's first answer", Caller::Control);
    match answer::wait_for(address, FIRST_ANSWER, &gear.runner.interrupts) {
        Ok(status) => {
            if status >= 400 {
                progress.notice(&format!("The app answered / with HTTP status {status}"));
            }
            Ok(())
        }
        Err(AnswerError::Interrupted) => Err(BringUpError::Interrupted),
        Err(source) => Err(BringUpError::NoAnswer { source, logs: last_logs(gear) }),
    }
}

/// The last lines of each log, for an app that does not answer.
fn last_logs(gear: &GearOnDisk) -> String {
    const LINES: usize = 10;
    let lines = follow::last(&gear.log_directories(), LINES);
    lines.iter().map(|(file, line)| format!("\n{file}: {line}")).collect()
}

/// An app that does not answer from its new gear.
#[derive(Debug, thiserror::Error)]
pub enum BringUpError {
    /// There is no such directory.
    #[error("{app} is not a directory: name the directory that holds the app's files")]
    NoApp {
        /// What was named.
        app: Utf8PathBuf,
    },
    /// A variable is not one.
    #[error(transparent)]
    UserVariable(#[from] UserVariableError),
    /// The cartridge could not be put on the gear.
    #[error(transparent)]
    Configure(ConfigureError),
    /// The cartridge's own app cannot be had.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The app could not be built or started.
    #[error(transparent)]
    Build(BuildError),
    /// It started and does not answer.
    #[error("{source}{}", if .logs.is_empty() { String::new() } else { format!("\nThe last lines of its logs:{logs}") })]
    NoAnswer {
        /// What came of the attempts.
        source: AnswerError,
        /// The last lines of each log.
        logs: String,
    },
    /// Somebody asked for an end before the app had answered.
    #[error("interrupted before the app had answered")]
    Interrupted,
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}

impl BringUpError {
    /// The script that failed, where one did.
    #[must_use]
    pub fn hook(&self) -> Option<&HookError> {
        match self {
            Self::Configure(ConfigureError::Hook(error)) | Self::Build(BuildError::Hook(error)) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// What the failed script printed, where one did.
    #[must_use]
    pub fn output(&self) -> Option<&HookOutput> {
        self.hook().and_then(HookError::output)
    }
}

impl From<ConfigureError> for BringUpError {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Hook(HookError::Interrupted { .. }) => Self::Interrupted,
            other => Self::Configure(other),
        }
    }
}

impl From<BuildError> for BringUpError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Hook(HookError::Interrupted { .. }) => Self::Interrupted,
            other => Self::Build(other),
        }
    }
}
