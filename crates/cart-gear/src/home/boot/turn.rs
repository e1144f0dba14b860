//! What a machine's start and end do to all gears (node-contract.md, Lifecycle, control): those
//! that should run are started, those that run are stopped, and what should run stays written down.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cart_core::files::FileError;

use crate::Conditions;
use crate::gear::on_disk::GearOnDisk;
use crate::home::gears::{GearHome, Listed, Listing};
use crate::home::record::Stage;
use crate::layout::error::GearError;
use crate::layout::state::State;
use crate::scripts::progress::Silent;

/// How long one script of a gear may take; a node gives a whole operation as long
/// (node-contract.md, Running scripts).
const LIMIT: Duration = Duration::from_secs(234);
/// How long another command that works on a gear is waited for.
const LOCK: Duration = Duration::from_secs(60);
/// How long what `control stop` leaves may take after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done to all gears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Those that should run are started.
    On,
    /// Those that run are stopped; the next start finds them as they are now.
    Off,
}

/// What came of it for one gear.
#[derive(Debug)]
pub struct Turned {
    /// The gear's name.
    pub name: String,
    /// What happened.
    pub outcome: Result<Outcome, GearError>,
}

/// What happened to a gear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was started; where people visit it.
    Started {
        /// `http://.../`, if it listens at all.
        url: Option<String>,
    },
    /// It was stopped.
    Stopped,
    /// Nothing was to be done, because its user stopped it, or it is idle, or new, or unfinished.
    LeftAlone {
        /// Why.
        because: String,
    },
}

/// Turns all gears in `gears` on or off, several at a time, each within its limits; `told` hears
/// of each when it is done. One that fails does not keep the others from their turn; an interrupt
/// does, and those that had no turn are not in the answer. `conditions` says what the machine gives to the gear of a name; its limit is not used.
///
/// # Errors
/// [`FileError`] when the gears cannot be listed.
pub fn turn_all(
    gears: &GearHome,
    turn: Turn,
    conditions: &(dyn Fn(&str) -> Conditions + Sync),
    told: &mut (dyn FnMut(&Turned) + Send),
) -> Result<Vec<Turned>, FileError> {
    let Listing { gears: listed, unreadable, .. } = gears.list()?;
    // A start takes the processor, a stop waits for clients.
    let at_a_time = match turn {
        Turn::On => 2,
        Turn::Off => 8,
    };
    let next = AtomicUsize::new(0);
    let interrupted = AtomicBool::new(false);
    let unread = unreadable.into_iter().map(|(name, error)| {
        let turned = Turned { name, outcome: Err(error.into()) };
        told(&turned);
        turned
    });
    let done = Mutex::new((unread.collect::<Vec<_>>(), told));
    std::thread::scope(|scope| {
        for _ in 0..at_a_time.min(listed.len()) {
            scope.spawn(|| {
                while !interrupted.load(Ordering::Relaxed)
                    && let Some(gear) = listed.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let outcome = turn_one(gears, gear, turn, conditions(&gear.name));
                    if outcome.as_ref().is_err_and(GearError::is_interrupt) {
                        interrupted.store(true, Ordering::Relaxed);
                    }
                    let turned = Turned { name: gear.name.clone(), outcome };
                    let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    (done.1)(&turned);
                    done.0.push(turned);
                }
            });
        }
    });
    let (mut all, _) = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn turn_one(
    gears: &GearHome,
    listed: &Listed,
    turn: Turn,
    conditions: Conditions,
) -> Result<Outcome, GearError> {
    if listed.record.stage != Stage::Kept {
        return Ok(left_alone(&format!("unfinished: `gear destroy {}` removes it", listed.name)));
    }
    let what = match turn {
        Turn::On => "gear boot",
        Turn::Off => "gear boot --stop",
    };
    let interrupts = conditions.interrupts.clone();
    let _lock = gears.lock(&listed.name, what, LOCK, &interrupts, &mut |_| ())?;
    let conditions = Conditions { limit: LIMIT, ..conditions };
    let mut gear = gears.open(&listed.name, conditions)?;
    if turn == Turn::On {
        // What a loss of power cut off left marks that are not what should run.
        gear.recover(&mut Silent)?;
    }
    // Only now, because whoever had the lock may have started or stopped it.
    if let Some(because) = rests(&gear) {
        return Ok(left_alone(&because));
    }
    match turn {
        Turn::On => gear.turn_on(),
        Turn::Off => gear.turn_off(),
    }
}

/// Why a gear neither runs nor should run.
fn rests(gear: &GearOnDisk) -> Option<String> {
    if gear.layout().stop_lock().exists() {
        return Some("stopped by its user".to_owned());
    }
    match gear.state() {
        State::Started | State::Building | State::Deploying => None,
        state => Some(state.to_string()),
    }
}

fn left_alone(because: &str) -> Outcome {
    Outcome::LeftAlone { because: because.to_owned() }
}

impl GearOnDisk {
    fn turn_on(&self) -> Result<Outcome, GearError> {
        self.resume(&mut Silent)?;
        Ok(Outcome::Started { url: self.visit().map(|address| format!("http://{address}/")) })
    }

    /// The state stays what it is: it says what should run.
    fn turn_off(&self) -> Result<Outcome, GearError> {
        let stopped = self.control("stop", &mut Silent);
        let left = match &stopped {
            Ok(_) => self.processes().end_orphans(PATIENCE),
            Err(_) => self.processes().end_all(PATIENCE),
        };
        GearError::unless_gone(&left, "it")?;
        stopped.map(|_| Outcome::Stopped).map_err(|error| {
            error.saying(format!("it did not stop by itself and was ended: {error}"))
        })
    }
}
