//! Making a gear that stays, with its app answering: whoever asks gets all of it or nothing.

use std::net::SocketAddr;

use crate::gear::options::GearOptions;
use crate::home::gears::GearHome;
use crate::home::lock::GearLock;
use crate::layout::error::GearError;
use crate::scripts::progress::{Progress, Silent};
use crate::serve::bring_up::{App, bring_up, everything_removed};

/// Makes a gear in `home` under the lock of its name, with `app` on it; answers where the app has
/// answered: nowhere, when the cartridge has no endpoint, or nobody brought an app.
///
/// # Errors
/// [`GearError`]; nothing is left behind but where it says so.
pub fn keep(
    home: &GearHome,
    options: GearOptions,
    app: &App,
    held: GearLock,
    progress: &mut dyn Progress,
) -> Result<Option<SocketAddr>, GearError> {
    if let Err(error) = app.check() {
        return Err(unmade(home, &options.name, held, error));
    }
    let (name, conditions) = (options.name.clone(), options.conditions.clone());
    let mut gear = match home.create(options, &held) {
        Ok(gear) => gear,
        Err(error) => return Err(unmade(home, &name, held, error)),
    };
    let answered = bring_up(&mut gear, app, progress);
    let is_up = answered.is_ok();
    let outcome = answered.and_then(|visit| Ok(home.finished(&gear).map(|()| visit)?));
    drop(gear);
    let Err(error) = outcome else {
        return outcome;
    };
    // The words that count have been said; those of a half-made gear would drown them.
    let destroyed =
        home.find(&name).and_then(|gear| home.destroy(&gear, conditions, held, &mut Silent));
    Err(match destroyed {
        Err(left) => error.saying(format!("{error}\nSomething of the gear is left behind: {left}")),
        Ok(()) if is_up => error,
        Ok(()) => removed(error),
    })
}

/// The words of scripts may name files of the gear, logs for example.
fn removed(error: GearError) -> GearError {
    match error.is_interrupt() {
        true => everything_removed(&error),
        false => GearError::Removed(Box::new(error)),
    }
}

/// Nothing was made, so the lock need not stay, unless it is that of another gear of this name.
fn unmade(home: &GearHome, name: &str, held: GearLock, error: GearError) -> GearError {
    if home.home_of(name).symlink_metadata().is_err() {
        // An empty file would be all that is left, and it means nothing.
        let _ = held.remove();
    }
    error
}
