//! Many gears on one machine: how long each takes to make and to restart, what they weigh, and what one
//! that has nothing to do costs, process by process.

mod kind;

use std::time::{Duration, Instant};

use cart_core::process::ProcessId;
use cart_core::process::tree::Memory;
use cart_core::wait;

use crate::bench::figures::{Figures, Line};
use crate::bench::gears::{Gears, at_once};
use crate::bench::machine::Usage;
use crate::bench::parts::{Outcome, Told};
use crate::bench::{Bench, Interrupted, LIMIT};
use kind::Kind;

/// How long a gear's replaced processes may take to end, and all that was given to it to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long they are at rest while it is looked whether they are, at least.
const REST: Duration = Duration::from_secs(5);
/// How long after that nothing is measured: for as long as a start may take, the supervisor looks now and
/// then whether a worker has called `listen`.
const AFTERWARDS: Duration = Duration::from_secs(75);
/// How many are restarted at once, for each processor.
const AT_ONCE: usize = 4;

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let gears = Gears::new(bench);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wished: Vec<String> = (1..=bench.gears).map(|nth| format!("g{nth}")).collect();
    // More is left for what comes then than that takes.
    let until = Instant::now() + LIMIT / 2;
    let before = Usage::now(&[]);
    let began = Instant::now();
    let created = at_once(&wished, processors, |name| match Instant::now() < until {
        true => gears.create(bench, name, None, &[]).map(Some),
        false => Ok(None),
    })?;
    let all_created = began.elapsed();
    let names = &gears.names()[..];

    let restart = |name: &str| gears.run(bench, &["restart", name]).map(Some);
    let restarted = at_once(names, 1, restart)?;
    let began = Instant::now();
    let restarted_at_once = at_once(names, AT_ONCE * processors, restart)?;
    let all_at_once = began.elapsed();
    let at_rest = at_rest(&gears, names.len());
    bench.go_on()?;
    // There is nothing to be seen that could be waited for.
    wait::until(AFTERWARDS, || bench.go_on().err());
    let length = REST.max(bench.length);
    let processes = Rest::look(&gears, length, bench)?;
    let look = |words: &[&str]| -> Result<Vec<f64>, Interrupted> {
        (0..bench.rounds).map(|_| gears.run(bench, words).map(|took| took.as_secs_f64())).collect()
    };
    let (list, top) = (look(&["list"])?, look(&["top", "--once"])?);
    let others = Usage::now(&gears.processes()).seen_others_since(&before);

    let each = |all: &[Duration]| all.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let row = |name, unit, cell| Line { name, unit, cells: vec![cell] };
    let memory = processes.iter().map(|process| process.memory).sum::<f64>();
    #[expect(clippy::cast_precision_loss, reason = "nobody has that many gears")]
    let per_gear = memory / names.len() as f64;
    let lacking = match wished.len() - names.len() {
        0 => String::new(),
        lacking => format!("; {lacking} more were not made in half of the time"),
    };
    told(Outcome::Figures(Figures {
        name: "many".to_owned(),
        about: format!("{} gears of the welcome app, on Python's own server{lacking}", names.len()),
        columns: vec![String::new()],
        rows: vec![
            row(
                "create, as many at a time as there are processors: all",
                "s",
                each(&[all_created]),
            ),
            row("  each", "s", each(&created)),
            row("restart one after another: all", "s", vec![each(&restarted).iter().sum()]),
            row("  each", "s", each(&restarted)),
            row("restart at once, four for each processor: all", "s", each(&[all_at_once])),
            row("  each", "s", each(&restarted_at_once)),
            row("memory of all", "MB", vec![memory]),
            row("memory of each", "MB", vec![per_gear]),
            row("gear list", "s", list),
            row("gear top --once", "s", top),
        ],
        played: 1,
        others: vec![others],
    }));
    told(Outcome::Figures(one_at_rest(&processes, names.len(), length, at_rest)));
    Ok(())
}

/// Waits until nothing of what was replaced is left; answers whether that came about.
fn at_rest(gears: &Gears, count: usize) -> bool {
    let calm = || {
        let processes = gears.processes();
        let of =
            |kind| processes.iter().filter(|process| Kind::of(process.pid) == Some(kind)).count();
        (Kind::ALL.into_iter().all(|kind| of(kind) <= count)).then_some(())
    };
    wait::until(PATIENCE, calm).is_some()
}

/// What a process did and had while it was at rest.
#[derive(Debug)]
struct Rest {
    kind: Kind,
    /// Megabytes.
    memory: f64,
    resident: f64,
    /// Times in a second that it waited for something and went on.
    wakes: f64,
    /// Milliseconds of processor time in a second.
    used: f64,
}

impl Rest {
    /// Looks at all processes of all gears, for as long as this.
    #[expect(clippy::cast_precision_loss, reason = "counts and bytes are far below 2^52")]
    fn look(gears: &Gears, length: Duration, bench: &Bench) -> Result<Vec<Self>, Interrupted> {
        let processes: Vec<(Kind, ProcessId)> = gears
            .processes()
            .into_iter()
            .filter_map(|process| Some((Kind::of(process.pid)?, process)))
            .collect();
        let look = || -> Vec<Option<kind::Activity>> {
            processes.iter().map(|(_, process)| kind::Activity::of(*process)).collect()
        };
        let (began, before) = (Instant::now(), look());
        // Nothing happens that could be waited for.
        wait::until(length, || bench.go_on().err());
        let (took, after) = (began.elapsed().as_secs_f64(), look());
        bench.go_on()?;
        let mut rests = Vec::new();
        for (((kind, process), before), after) in processes.iter().zip(before).zip(after) {
            let (Some(before), Some(after)) = (before, after) else { continue };
            let Some(memory) = Memory::of(process.pid) else { continue };
            let mb = |bytes: u64| bytes as f64 / 1_000_000.0;
            rests.push(Self {
                kind: *kind,
                memory: mb(memory.fair_share.unwrap_or(memory.resident)),
                resident: mb(memory.resident),
                wakes: after.wakes.saturating_sub(before.wakes) as f64 / took,
                used: after.used.saturating_sub(before.used).as_secs_f64() * 1000.0 / took,
            });
        }
        Ok(rests)
    }
}

/// The table of what one gear costs.
fn one_at_rest(processes: &[Rest], count: usize, length: Duration, is_calm: bool) -> Figures {
    let there = |kind: &Kind| processes.iter().any(|process| process.kind == *kind);
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(there).collect();
    let row = |name, unit, figure: &dyn Fn(&Rest) -> f64| Line {
        name,
        unit,
        cells: kinds
            .iter()
            .map(|kind| processes.iter().filter(|p| p.kind == *kind).map(figure).collect())
            .collect(),
    };
    let calm = if is_calm { "" } else { "; SOMETHING OF WHAT WAS REPLACED IS LEFT" };
    Figures {
        name: "one".to_owned(),
        about: format!(
            "the processes of {count} gears at rest for {} s, with the least and the most of any{calm}",
            length.as_secs()
        ),
        columns: kinds.iter().map(|kind| kind.name().to_owned()).collect(),
        rows: vec![
            row("memory", "MB", &|rest| rest.memory),
            row("resident, with what is shared", "MB", &|rest| rest.resident),
            row("wakes in a second", "", &|rest| rest.wakes),
            row("processor time in a second", "ms", &|rest| rest.used),
        ],
        played: 1,
        others: Vec::new(),
    }
}
