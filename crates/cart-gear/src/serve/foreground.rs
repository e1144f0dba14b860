//! Serving an app from a throwaway gear, from nothing until somebody asks for an end.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::tree;
use rustix::fs::Access;

use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::layout::paths::Layout;
use crate::scripts::progress::{Interrupts, Progress, Silent};
use crate::serve::bring_up::{App, bring_up, everything_removed};
use crate::serve::follow::{Follower, INTERVAL};
use crate::serve::prepared;
use crate::serve::watchman::Watchman;

/// The action of control by which a cartridge is told that the end is near.
const UNREADY: &str = "unready";

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
    /// The directory for the app's data, if it is to outlive the gear. It need not be there: in a container
    /// it is a volume, if there is one.
    pub data: Option<Utf8PathBuf>,
    /// How long it serves on for whoever [can wait](Interrupts::raise_patiently) for the end.
    pub linger: Duration,
}

/// Makes a gear, puts the app on it, says when it has answered, follows its logs, and removes
/// everything when somebody asks for an end. Whatever happens, nothing is left behind.
///
/// # Errors
/// [`GearError`].
pub fn serve(options: ServeOptions, progress: &mut dyn Progress) -> Result<(), GearError> {
    options.app.check()?;
    let interrupts = options.gear.conditions.interrupts.clone();
    let (_alone, mut gear) = match &options.prepared {
        Some(directory) => {
            let (alone, gear) = prepared::gear::open(directory, options.gear)?;
            (Some(alone), gear)
        }
        None => (None, Throwaway::create(options.gear, &options.parent)?),
    };
    if let Some(directory) = &options.data {
        keep_data(gear.layout(), directory, progress)?;
    }
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
    let mut watch = Watch { gear: &gear, watchman, follower, interrupts: &interrupts };
    let served = watch.until_asked_to_end(progress).and_then(|()| {
        match interrupts.take_patience() && !options.linger.is_zero() {
            true => watch.linger(options.linger, progress),
            false => Ok(()),
        }
    });
    let destroyed = gear.destroy(progress);
    served.and(destroyed)
}

/// Has the gear keep the app's data in `directory`.
fn keep_data(
    layout: &Layout,
    directory: &Utf8Path,
    progress: &mut dyn Progress,
) -> Result<(), GearError> {
    let link = layout.data();
    if !directory.is_dir() {
        progress.notice(&format!(
            "There is no directory {directory}, so what the app keeps in {link} is gone when it ends"
        ));
        return Ok(());
    }
    let failed = |error| FileError::new("use for data", directory, error);
    let real = directory.canonicalize_utf8().map_err(failed)?;
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    if let Err(error) = rustix::fs::access(real.as_std_path(), all) {
        let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
        return Err(GearError::failed(format!(
            "the app's data cannot be kept in {directory}: {error} for user {user} in group {group}. Give it \
             to them (a pod's `fsGroup`; podman's `--volume NAME:{directory}:U`)"
        )));
    }
    tree::remove(&link)?;
    Ok(symlink(&real, &link).map_err(|error| FileError::new("make the link", &link, error))?)
}

/// What is served, and who looks after it.
struct Watch<'a> {
    gear: &'a GearOnDisk,
    watchman: Watchman,
    follower: Follower,
    interrupts: &'a Interrupts,
}

impl Watch<'_> {
    /// Follows the logs and looks after what runs, until somebody asks for an end.
    fn until_asked_to_end(&mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        while !self.waits(INTERVAL, progress) {
            if self.interrupts.take_reload() {
                match self.gear.reload(progress) {
                    // It was asked for an end of all, not of the reload.
                    Err(error) if error.is_interrupt() => return Ok(()),
                    Err(error) => progress.notice(&error.summary()),
                    Ok(_) => {}
                }
            }
            match self.watchman.look(self.gear, progress) {
                Err(error) if error.is_interrupt() => return Ok(()),
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Goes on with that for so long, not ready any more, so that those who send requests hear of it before
    /// nobody takes them; until somebody asks for an end again.
    fn linger(&mut self, limit: Duration, progress: &mut dyn Progress) -> Result<(), GearError> {
        let until = Instant::now() + limit;
        progress.notice(&format!("Told to end: serving on for {} seconds", limit.as_secs()));
        if self.is_interrupted_unreadying(progress) {
            return Ok(());
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.waits(left.min(INTERVAL), progress) || left.is_zero() {
                return Ok(());
            }
            match self.watchman.look(self.gear, progress) {
                Err(error) if error.is_interrupt() => return Ok(()),
                // What was started is ready again.
                Ok(true) if self.is_interrupted_unreadying(progress) => return Ok(()),
                other => drop(other?),
            }
        }
    }

    /// Tells the cartridge that the end is near; whether somebody would not wait for that. One that does not
    /// know of it serves on as well.
    fn is_interrupted_unreadying(&self, progress: &mut dyn Progress) -> bool {
        match self.gear.control_without_hooks(UNREADY, None, progress) {
            Ok(_) => false,
            Err(error) if error.is_interrupt() => true,
            Err(error) => {
                progress.notice(&error.summary());
                false
            }
        }
    }

    /// Waits so long, or until somebody asks for an end, which is what it answers; shows what came to the logs
    /// and takes in what has ended.
    fn waits(&mut self, limit: Duration, progress: &mut dyn Progress) -> bool {
        let ended = self.interrupts.wait(limit);
        self.follower.look(&mut |file, line| progress.logged(file, line));
        self.gear.processes().reap(None);
        ended
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
