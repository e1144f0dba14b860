//! From an empty gear to an app that answers.

use std::net::SocketAddr;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::tree;

use crate::deploy::build::Code;
use crate::deploy::git::{Commit, Repository};
use crate::deploy::line::Order;
use crate::deploy::without_push::Elsewhere;
use crate::environment::endpoint::Endpoints;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::template_app;
use crate::layout::error::GearError;
use crate::scripts::answer;
use crate::scripts::progress::{Caller, Progress};
use crate::serve::follow;
use crate::serve::prepared;

/// How long an app that has started may take to its first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// What a new gear is to run.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// The directory of the app; the cartridge's template if none is named.
    pub directory: Option<Utf8PathBuf>,
    /// A repository elsewhere that holds the app, if no directory is named.
    pub elsewhere: Option<Elsewhere>,
    /// Whether it lies on the gear already, and was built before.
    pub is_built: bool,
    /// The version of the cartridge's software; that of its manifest if none is named.
    pub version: Option<String>,
    /// The user's variables, later ones of the same name winning.
    pub variables: Vec<(String, String)>,
}

impl App {
    /// Whether there is an app where it is said to be, so that nothing is begun without.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn check(&self) -> Result<(), GearError> {
        match &self.directory {
            Some(app) if !app.is_dir() => Err(GearError::failed(format!(
                "{app} is not a directory: name the directory that holds the app's files"
            ))),
            _ => Ok(()),
        }
    }

    /// Gives a gear the variables; answers the version of the cartridge's software that it is to have.
    pub(crate) fn set_on(&self, gear: &mut GearOnDisk) -> Result<String, GearError> {
        for (name, value) in &self.variables {
            gear.set_user_variable(name, value)?;
        }
        Ok(self.version.clone().or_else(|| gear.default_version()).unwrap_or_default())
    }
}

/// Puts cartridge and app on a new gear, starts it, and waits until the app has answered; answers
/// where it did. That is nowhere when the cartridge has no endpoint, or neither the person nor the
/// cartridge brought an app: then nothing is started, as on a node.
///
/// # Errors
/// [`GearError`]; the gear is good for nothing but being destroyed then.
pub(crate) fn bring_up(
    gear: &mut GearOnDisk,
    app: &App,
    progress: &mut dyn Progress,
) -> Result<Option<SocketAddr>, GearError> {
    until_it_answers(gear, app, progress).map_err(|error| match error.is_interrupt() {
        true => GearError::interrupted("interrupted before the app had answered"),
        false => error,
    })
}

fn until_it_answers(
    gear: &mut GearOnDisk,
    app: &App,
    progress: &mut dyn Progress,
) -> Result<Option<SocketAddr>, GearError> {
    tell_other_ports(gear.endpoints(), progress);
    let version = app.set_on(gear)?;
    gear.configure(&version, progress)?;
    let started = match (&app.directory, &app.elsewhere) {
        _ if app.is_built => {
            prepared::gear::start(gear, progress)?;
            true
        }
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
    gear.post_install(progress)?;
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
fn start_template(gear: &mut GearOnDisk, progress: &mut dyn Progress) -> Result<bool, GearError> {
    let Some(cartridge) = gear.cartridge().cloned() else {
        return Ok(false);
    };
    let Some(template) = template_app::of(&cartridge.directory) else {
        return Ok(false);
    };
    let repo = gear.layout().repo();
    tree::empty(&repo)?;
    template_app::copy(&template, &repo, &gear.environment()?)?;
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
) -> Result<(), GearError> {
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
) -> Result<(), GearError> {
    progress.step("waiting for the app's first answer", Caller::Control);
    match answer::wait_for(address, FIRST_ANSWER, &gear.runner.interrupts) {
        Ok(status) => {
            if status >= 400 {
                progress.notice(&format!("The app answered / with HTTP status {status}"));
            }
            Ok(())
        }
        Err(error) => Err(error.saying(match last_logs(gear) {
            logs if logs.is_empty() => error.to_string(),
            logs => format!("{error}\nThe last lines of its logs:{logs}"),
        })),
    }
}

/// The last lines of each log, for an app that does not answer.
fn last_logs(gear: &GearOnDisk) -> String {
    const LINES: usize = 10;
    let lines = follow::last(&gear.log_directories(), LINES);
    lines.iter().map(|line| format!("\n{}: {}", line.file, line.text)).collect()
}

/// Of an interrupted making.
pub(crate) fn everything_removed(error: &GearError) -> GearError {
    error.saying(format!("{error}; everything was removed"))
}
