//! Whether a server behaves as every other does: one suite of checks through real nginx, for each way
//! to serve an app ([`WAYS`](crate::way::WAYS)). `cargo xtask conformance` plays it and draws the
//! result; a short form is an integration test.

mod checks;
mod http;
mod memory;
mod stage;
mod svg;
mod table;

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::way::Way;
pub use checks::{CHECKS, by_name, parts_arrive};
pub use http::{ask, many, status};
pub use stage::Stage;
pub use svg::svg;
pub use table::{json, text};

/// Something that every server must do.
#[derive(Debug)]
pub struct Check {
    /// How it is called.
    pub name: &'static str,
    /// What must be so, in one line.
    pub about: &'static str,
    /// How long it takes.
    pub length: Length,
    /// Why it cannot be so on this server, if it cannot: the server's own reason.
    pub impossible: fn(&Way) -> Option<String>,
    /// Panics when it is not so, as a test does.
    pub play: fn(&Stage),
}

/// How long a check takes. The integration test plays the short ones, and of the servers as by default
/// those with a gear of their own, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Length {
    /// As good as no time.
    Short,
    /// It makes another gear.
    OwnGear,
    /// Many restarts.
    Long,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Passed,
    /// It is not, and what was found instead.
    Failed(String),
    /// It cannot be, and why.
    Impossible(String),
}

/// What came of all checks in one way.
#[derive(Debug)]
pub struct Row {
    /// The way.
    pub way: &'static Way,
    /// Each check, what came of it, and how long it took.
    pub cells: Vec<(&'static Check, Verdict, Duration)>,
}

impl Row {
    /// What failed, a line or several for each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let failed = |(check, verdict, _): &(&Check, Verdict, Duration)| match verdict {
            Verdict::Failed(why) => Some(format!("{}, {}: {why}", self.way.name, check.name)),
            Verdict::Passed | Verdict::Impossible(_) => None,
        };
        self.cells.iter().filter_map(failed).collect()
    }
}

/// Plays these checks on one gear of `cartridge`; after one that failed, on another. `told` is
/// called after each.
///
/// # Panics
/// When a gear cannot be destroyed.
pub fn play(
    cartridge: &Utf8Path,
    way: &'static Way,
    checks: &[&'static Check],
    mut told: impl FnMut(&'static Check, &Verdict),
) -> Row {
    let (mut stage, mut no_stage) = (None, None);
    let mut cells = Vec::new();
    for &check in checks {
        let begin = Instant::now();
        let verdict = match (check.impossible)(way) {
            Some(why) => Verdict::Impossible(why),
            None => {
                if stage.is_none() && no_stage.is_none() {
                    let made = caught(|| stage = Some(Stage::new(cartridge, way)));
                    no_stage = (made != Verdict::Passed).then_some(made);
                }
                match &stage {
                    Some(stage) => caught(|| (check.play)(stage)),
                    // Said once: the others do not even begin.
                    None => no_stage
                        .replace(Verdict::Failed("there is no gear for it".to_owned()))
                        .unwrap_or(Verdict::Passed),
                }
            }
        };
        if matches!(verdict, Verdict::Failed(_)) {
            // What it left behind would be in the next one's way. Of one that cannot even be
            // destroyed, its own words say more.
            let _ = caught(|| drop(stage.take()));
        }
        told(check, &verdict);
        cells.push((check, verdict, begin.elapsed()));
    }
    Row { way, cells }
}

/// Takes a panic for what a check found.
fn caught(play: impl FnOnce()) -> Verdict {
    match panic::catch_unwind(AssertUnwindSafe(play)) {
        Ok(()) => Verdict::Passed,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Verdict::Failed(text.unwrap_or("it panicked").to_owned())
        }
    }
}
