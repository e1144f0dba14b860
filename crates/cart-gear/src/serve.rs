//! Serving an app from a throwaway gear, from nothing until somebody asks for an end.

use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

use crate::answer::{self, AnswerError};
use crate::endpoint::Endpoints;
use crate::follow::{Follower, INTERVAL};
use crate::gear::{CreateError, GearOnDisk, GearOptions};
use crate::lifecycle::{BuildError, ConfigureError, DestroyError};
use crate::output::HookOutput;
use crate::progress::{Caller, Interrupts, Progress, Silent};
use crate::scripts::HookError;
use crate::user_variables::UserVariableError;

/// How long an app that has started may take to its first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// What is to be served, and how.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The directory of the app, as a person wrote it.
    pub app: Utf8PathBuf,
    /// The gear to make.
    pub gear: GearOptions,
    /// The version of the cartridge's software; that of its manifest if none is named.
    pub version: Option<String>,
    /// The user's variables, later ones of the same name winning.
    pub variables: Vec<(String, String)>,
}

/// Makes a gear, puts the app on it, says when it has answered, follows its logs, and removes
/// everything when somebody asks for an end. Whatever happens, nothing is left behind.
///
/// # Errors
/// [`ServeError`].
pub fn serve(options: ServeOptions, progress: &mut dyn Progress) -> Result<(), ServeError> {
    if !options.app.is_dir() {
        return Err(ServeError::NoApp { app: options.app });
    }
    let interrupts = options.gear.interrupts.clone();
    let mut gear = GearOnDisk::create(options.gear.clone())?;
    let served =
        bring_up(&mut gear, &options, progress).map(|()| follow(&gear, &interrupts, progress));
    let destroyed = match &served {
        Ok(()) => gear.destroy(progress),
        // The words that count have been said; those of a half-made gear would drown them.
        Err(_) => gear.destroy(&mut Silent),
    };
    served?;
    Ok(destroyed?)
}

fn bring_up(
    gear: &mut GearOnDisk,
    options: &ServeOptions,
    progress: &mut dyn Progress,
) -> Result<(), ServeError> {
    tell_other_ports(gear.endpoints(), progress);
    for (name, value) in &options.variables {
        gear.set_user_variable(name, value)?;
    }
    let version = match &options.version {
        Some(version) => version.clone(),
        None => gear.source.manifest.version.clone(),
    };
    gear.configure(&version, progress)?;
    gear.populate(&options.app).map_err(BuildError::File)?;
    gear.build_and_deploy(progress)?;
    gear.post_install(progress).map_err(BuildError::Hook)?;
    let Some(address) = gear.visit() else {
        progress.notice("The cartridge has no endpoint, so there is nothing to visit");
        return Ok(());
    };
    wait_for_answer(gear, address, options, progress)
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
    options: &ServeOptions,
    progress: &mut dyn Progress,
) -> Result<(), ServeError> {
    let interrupts = &options.gear.interrupts;
    progress.step("waiting for the app's first answer", Caller::Control);
    match answer::wait_for(address, FIRST_ANSWER, interrupts) {
        Ok(status) => {
            if status >= 400 {
                progress.notice(&format!("The app answered / with HTTP status {status}"));
            }
            progress.serving(&format!("http://{address}/"));
            Ok(())
        }
        Err(AnswerError::Interrupted) => Err(ServeError::Interrupted),
        Err(source) => Err(ServeError::NoAnswer { source, logs: last_logs(gear) }),
    }
}

/// The last lines of each log, for an app that does not answer.
fn last_logs(gear: &GearOnDisk) -> String {
    const LINES: usize = 10;
    let mut text = String::new();
    for directory in log_directories(gear) {
        let Ok(entries) = directory.read_dir_utf8() else {
            continue;
        };
        let mut paths: Vec<_> = entries.flatten().map(|e| e.path().to_owned()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            for line in files::last_lines(&path, 0, LINES) {
                text.push_str(&format!("\n{name}: {line}"));
            }
        }
    }
    text
}

fn follow(gear: &GearOnDisk, interrupts: &Interrupts, progress: &mut dyn Progress) {
    let mut follower = Follower::from_now_on(log_directories(gear));
    loop {
        let ended = interrupts.wait(INTERVAL);
        follower.look(&mut |file, line| progress.logged(file, line));
        gear.processes().reap(None);
        if ended {
            return;
        }
    }
}

fn log_directories(gear: &GearOnDisk) -> Vec<Utf8PathBuf> {
    let own = gear.cartridge().map(|c| c.directory.join("logs"));
    own.into_iter().chain([gear.layout().logs()]).collect()
}

/// The name of an app, made from the name of its directory: letters and digits, as a node wants
/// it.
#[must_use]
pub fn app_name(app: &Utf8Path) -> String {
    let canonical = app.canonicalize_utf8().unwrap_or_else(|_| app.to_owned());
    let name: String = canonical
        .file_name()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect();
    if name.is_empty() { "app".to_owned() } else { name.to_lowercase() }
}

/// An app that is not served, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no such directory.
    #[error("{app} is not a directory: name the directory that holds the app's files")]
    NoApp {
        /// What was named.
        app: Utf8PathBuf,
    },
    /// The gear could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A variable is not one.
    #[error(transparent)]
    UserVariable(#[from] UserVariableError),
    /// The cartridge could not be put on the gear.
    #[error(transparent)]
    Configure(ConfigureError),
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
    /// Something is left behind.
    #[error(transparent)]
    Destroy(#[from] DestroyError),
}

impl ServeError {
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

impl From<ConfigureError> for ServeError {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Hook(HookError::Interrupted { .. }) => Self::Interrupted,
            other => Self::Configure(other),
        }
    }
}

impl From<BuildError> for ServeError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Hook(HookError::Interrupted { .. }) => Self::Interrupted,
            other => Self::Build(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_and_digits() {
        assert_eq!(app_name("/x/web_socket-Echo".into()), "websocketecho");
        assert_eq!(app_name("/x/---".into()), "app");
    }
}
