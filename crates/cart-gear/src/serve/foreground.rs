//! Serving an app from a throwaway gear, from nothing until somebody asks for an end.

use camino::{Utf8Path, Utf8PathBuf};

use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::scripts::progress::{Interrupts, Progress, Silent};
use crate::serve::bring_up::{App, bring_up, everything_removed};
use crate::serve::follow::{Follower, INTERVAL};
use crate::serve::prepared;
use crate::serve::watchman::Watchman;

/// What is to be served, and how.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The app; it has a directory.
    pub app: App,
    /// The directory that the gear's home is made in.
    pub parent: Utf8PathBuf,
    /// The gear to make.
    pub gear: GearOptions,
    /// The directory of an app that was [prepared](crate::prepare), to be served as it is.
    pub prepared: Option<Utf8PathBuf>,
}

/// Makes a gear, puts the app on it, says when it has answered, follows its logs, and removes
/// everything when somebody asks for an end. Whatever happens, nothing is left behind.
///
/// # Errors
/// [`GearError`].
pub fn serve(options: ServeOptions, progress: &mut dyn Progress) -> Result<(), GearError> {
    options.app.check()?;
    let interrupts = options.gear.conditions.interrupts.clone();
    let (mut gear, _alone) = match &options.prepared {
        Some(directory) => {
            let (gear, alone) = prepared::open(directory, options.gear)?;
            (gear, Some(alone))
        }
        None => (Throwaway::create(options.gear, &options.parent)?, None),
    };
    let address = match bring_up(&mut gear, &options.app, progress) {
        Ok(address) => address,
        Err(error) => {
            // The words that count have been said; those of a half-made gear would drown them.
            let _ = gear.destroy(&mut Silent);
            return Err(if error.is_interrupt() { everything_removed(&error) } else { error });
        }
    };
    // From now on, what ends is noticed.
    let watchman = Watchman::new(&gear);
    // And what is logged: whoever hears where the app is may ask it at once.
    let follower = Follower::from_now_on(gear.log_directories());
    if let Some(address) = address {
        progress.serving(&format!("http://{address}/"));
    }
    let served = watch(&gear, watchman, follower, &interrupts, progress);
    let destroyed = gear.destroy(progress);
    served.and(destroyed)
}

/// Follows the logs and looks after what runs, until somebody asks for an end.
fn watch(
    gear: &GearOnDisk,
    mut watchman: Watchman,
    mut follower: Follower,
    interrupts: &Interrupts,
    progress: &mut dyn Progress,
) -> Result<(), GearError> {
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
                Err(error) if error.is_interrupt() => return Ok(()),
                Err(error) => progress.notice(&error.summary()),
                Ok(_) => {}
            }
        }
        match watchman.look(gear, progress) {
            Err(error) if error.is_interrupt() => return Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_and_digits() {
        assert_eq!(app_name("/x/web_socket-Echo".into()), "websocketecho");
        assert_eq!(app_name("/x/---".into()), "app");
    }
}
