//! Making a gear that stays, with its app answering: whoever asks gets all of it or nothing.

use std::net::SocketAddr;

use cart_core::files::FileError;

use crate::gear::options::GearOptions;
use crate::home::create::CreateError;
use crate::home::gears::{FindError, GearHome};
use crate::home::lifecycle::DestroyError;
use crate::home::lock::GearLock;
use crate::scripts::progress::{Progress, Silent};
use crate::serve::bring_up::{App, BringUpError, bring_up};

/// Makes a gear in `home` under the lock of its name, with `app` on it; answers where the app has
/// answered: nowhere, when the cartridge has no endpoint, or nobody brought an app.
///
/// # Errors
/// [`KeepError`]; nothing is left behind but where it says so.
pub fn keep(
    home: &GearHome,
    options: GearOptions,
    app: &App,
    held: GearLock,
    progress: &mut dyn Progress,
) -> Result<Option<SocketAddr>, KeepError> {
    if let Err(error) = app.check() {
        return Err(unmade(home, &options.name, held, error.into()));
    }
    let (name, conditions) = (options.name.clone(), options.conditions.clone());
    let mut gear = match home.create(options, &held) {
        Ok(gear) => gear,
        Err(error) => return Err(unmade(home, &name, held, error.into())),
    };
    let outcome = bring_up(&mut gear, app, progress)
        .map_err(KeepError::from)
        .and_then(|visit| home.finished(&gear).map(|()| visit).map_err(KeepError::from));
    drop(gear);
    let Err(error) = outcome else {
        return outcome;
    };
    // The words that count have been said; those of a half-made gear would drown them.
    let removed = home
        .find(&name)
        .map_err(Leftover::from)
        .and_then(|gear| Ok(home.destroy(&gear, conditions, held, &mut Silent)?));
    Err(match removed {
        Ok(()) => error,
        Err(left) => KeepError::Left { error: Box::new(error), left },
    })
}

/// Nothing was made, so the lock need not stay, unless it is that of another gear of this name.
fn unmade(home: &GearHome, name: &str, held: GearLock, error: KeepError) -> KeepError {
    if home.home_of(name).symlink_metadata().is_err() {
        // An empty file would be all that is left, and it means nothing.
        let _ = held.remove();
    }
    error
}

/// A gear that is not there in the end.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The gear could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The app could not be put on it.
    #[error(transparent)]
    BringUp(#[from] BringUpError),
    /// It could not be noted that it is whole.
    #[error(transparent)]
    File(#[from] FileError),
    /// It failed, and something is left.
    #[error("{error}\nSomething of the gear is left behind: {left}")]
    Left {
        /// Why there is no gear.
        error: Box<KeepError>,
        /// What is left.
        left: Leftover,
    },
}

/// What a failed making left behind.
#[derive(Debug, thiserror::Error)]
pub enum Leftover {
    /// It cannot be found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// It cannot be removed.
    #[error(transparent)]
    Destroy(#[from] DestroyError),
}
