//! Serving an app from a throwaway gear, from nothing until somebody asks for an end.

use camino::{Utf8Path, Utf8PathBuf};

use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::create::CreateError;
use crate::home::lifecycle::DestroyError;
use crate::home::throwaway::Throwaway;
use crate::scripts::progress::{Interrupts, Progress, Silent};
use crate::scripts::run::HookError;
use crate::serve::bring_up::{App, BringUpError, bring_up};
use crate::serve::follow::{Follower, INTERVAL};
use crate::serve::watchman::{Ended, Watchman};

/// What is to be served, and how.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The app; it has a directory.
    pub app: App,
    /// The directory that the gear's home is made in.
    pub parent: Utf8PathBuf,
    /// The gear to make.
    pub gear: GearOptions,
}

/// Makes a gear, puts the app on it, says when it has answered, follows its logs, and removes
/// everything when somebody asks for an end. Whatever happens, nothing is left behind.
///
/// # Errors
/// [`ServeError`].
pub fn serve(options: ServeOptions, progress: &mut dyn Progress) -> Result<(), ServeError> {
    options.app.check()?;
    let interrupts = options.gear.conditions.interrupts.clone();
    let mut gear = Throwaway::create(options.gear, &options.parent)?;
    let served = bring_up(&mut gear, &options.app, progress).map_err(ServeError::from);
    let served = served.and_then(|address| {
        // From now on, what ends is noticed.
        let watchman = Watchman::new(&gear);
        if let Some(address) = address {
            progress.serving(&format!("http://{address}/"));
        }
        watch(&gear, watchman, &interrupts, progress)
    });
    let destroyed = match &served {
        Ok(()) | Err(ServeError::Ended(_)) => gear.destroy(progress),
        // The words that count have been said; those of a half-made gear would drown them.
        Err(_) => gear.destroy(&mut Silent),
    };
    served?;
    Ok(destroyed?)
}

/// Follows the logs and looks after what runs, until somebody asks for an end.
fn watch(
    gear: &GearOnDisk,
    mut watchman: Watchman,
    interrupts: &Interrupts,
    progress: &mut dyn Progress,
) -> Result<(), ServeError> {
    let mut follower = Follower::from_now_on(gear.log_directories());
    loop {
        let ended = interrupts.wait(INTERVAL);
        follower.look(&mut |file, line| progress.logged(file, line));
        gear.processes().reap(None);
        if ended {
            return Ok(());
        }
        if interrupts.take_reload() {
            match gear.reload(progress) {
                // It was asked for an end of all, not of the reload.
                Err(HookError::Interrupted { .. }) => return Ok(()),
                Err(error) => progress.notice(&error.summary()),
                Ok(_) => {}
            }
        }
        match watchman.look(gear, progress) {
            Err(Ended::NotStarted { source: HookError::Interrupted { .. }, .. }) => return Ok(()),
            other => other?,
        }
    }
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
    /// The gear could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The app could not be put on it.
    #[error(transparent)]
    BringUp(#[from] BringUpError),
    /// What was served has ended by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// Something is left behind.
    #[error(transparent)]
    Destroy(#[from] DestroyError),
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
