//! `gear top`: all gears at a glance, by what their cartridges' `bin/metrics` tell. Live on a terminal,
//! else a table.

mod live;
mod row;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use cart_gear::{Conditions, Figures, GearHome, GearOnDisk, Listed, Stage};

use crate::args::TopArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, in_columns, remark};

/// How many gears are asked at the same time.
const AT_ONCE: usize = 8;

/// One gear, as it is found at one look.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    /// As `gear list` has it.
    state: String,
    figures: Figures,
    /// When they were told.
    at: Instant,
}

pub(crate) fn top(arguments: &TopArguments, context: &mut Context) -> Result<(), Failure> {
    let gears = context.gears()?;
    if !arguments.once && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return live::show(gears, Duration::from_secs(arguments.interval));
    }
    let seen = look(&gears)?;
    if seen.is_empty() {
        remark(&format!("there is no gear in {}: `gear create NAME` makes one", gears.directory()));
        return Ok(());
    }
    in_columns(row::HEAD, seen.iter().map(|seen| row::cells(seen, None)))
        .iter()
        .for_each(|line| answer(line));
    Ok(())
}

/// Looks at all gears, at several together: one whose cartridge takes its time keeps few waiting.
fn look(gears: &GearHome) -> Result<Vec<Seen>, Failure> {
    let mut seen = Vec::new();
    for some in gears.list()?.gears.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|gear| scope.spawn(|| look_at(gear))).collect();
            seen.extend(asked.into_iter().filter_map(|asked| asked.join().ok()));
        });
    }
    Ok(seen)
}

/// One that cannot be asked has no figures; `gear status` says why.
fn look_at(listed: &Listed) -> Seen {
    let gear = match listed.record.stage {
        Stage::Kept => GearOnDisk::open(&listed.home, None, Conditions::default()).ok(),
        Stage::Creating | Stage::Destroying => None,
    };
    let state = match (listed.record.stage, &gear) {
        (Stage::Kept, Some(gear)) => gear.state().to_string(),
        (Stage::Kept, None) => "unknown".to_owned(),
        (Stage::Creating | Stage::Destroying, _) => "unfinished".to_owned(),
    };
    let figures = gear.and_then(|gear| gear.figures().ok()).unwrap_or_default();
    Seen { name: listed.name.clone(), state, figures, at: Instant::now() }
}
