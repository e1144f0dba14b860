//! Rounds: in each, every candidate is asked once, so that all of them meet the same machine.

use std::time::{Duration, Instant};

use super::candidate::{Candidate, TUNED, Used};
use super::figures::{self, Ratio, median};
use super::load::{Answers, Asked};
use super::machine::{QUIET, Usage};
use super::{Bench, Interrupted};

/// How long each is asked before the first round.
const WARM_UP: Duration = Duration::from_secs(1);

/// Candidates under one load.
#[derive(Debug)]
pub struct Contest {
    /// Who or what is measured.
    pub name: String,
    /// With what, in one line.
    pub about: String,
    /// What is counted: `requests`, `messages`.
    pub counted: &'static str,
    /// The candidate with whom all are compared.
    pub base: &'static str,
    /// A row for each candidate.
    pub rows: Vec<Row>,
    /// How many rounds were played, those that were repeated included.
    pub played: usize,
    /// For each round that counts, which part of the machine others had.
    pub others: Vec<f64>,
}

/// A candidate's figures.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What came of each round that counts.
    pub runs: Vec<Run>,
}

/// What came of a candidate in one round.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Requests per second, or what else is counted.
    pub rate: f64,
    /// Milliseconds that half of the answers took at most.
    pub p50: f64,
    /// Milliseconds that 99 of 100 answers took at most.
    pub p99: f64,
    /// Microseconds of processor time for each request, in nginx.
    pub nginx: f64,
    /// The same, in everything else.
    pub rest: f64,
    /// Megabytes of memory.
    pub memory: f64,
    /// Requests that were not answered as they should be.
    pub errors: u64,
}

impl Row {
    /// The median of a figure.
    #[must_use]
    pub fn median(&self, figure: impl Fn(&Run) -> f64) -> f64 {
        median(&self.all(figure))
    }

    /// All errors.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.runs.iter().map(|run| run.errors).sum()
    }

    fn all(&self, figure: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(figure).collect()
    }
}

impl Contest {
    /// A candidate's row.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// How many times as many requests as the one that all are compared with a candidate answers.
    #[must_use]
    pub fn ratio(&self, row: &Row) -> Option<Ratio> {
        self.to_base(row, |run| run.rate)
    }

    /// How many times as much time as that one's a candidate's nginx takes for a request.
    #[must_use]
    pub fn nginx_ratio(&self, row: &Row) -> Option<Ratio> {
        self.to_base(row, |run| run.nginx)
    }

    fn to_base(&self, row: &Row, figure: fn(&Run) -> f64) -> Option<Ratio> {
        Ratio::of(&row.all(figure), &self.row(self.base)?.all(figure))
    }

    /// How many of the rounds that count were disturbed.
    #[must_use]
    pub fn disturbed(&self) -> usize {
        figures::disturbed(&self.others)
    }
}

/// Asks all candidates in each round. They are compared with the tuned one, or the first where that is
/// missing.
///
/// # Errors
/// [`Interrupted`] by somebody.
///
/// # Panics
/// When a candidate does not answer.
pub(crate) fn play(
    bench: &Bench,
    name: &str,
    about: &str,
    candidates: &[Candidate],
    asked: &Asked,
    until: Instant,
) -> Result<Contest, Interrupted> {
    for candidate in candidates {
        bench.ask(candidate, asked, WARM_UP)?;
    }
    let counted = repeated(bench.rounds, until, |nth| round(bench, candidates, asked, nth))?;
    let runs = |nth: usize| counted.rounds.iter().map(|round| round[nth]).collect();
    let names: Vec<&'static str> = candidates.iter().map(|candidate| candidate.name).collect();
    let base = names.iter().copied().find(|name| *name == TUNED).or(names.first().copied());
    Ok(Contest {
        name: name.to_owned(),
        about: about.to_owned(),
        counted: asked.counted(),
        base: base.unwrap_or(TUNED),
        rows: names.iter().enumerate().map(|(nth, name)| Row { name, runs: runs(nth) }).collect(),
        played: counted.played,
        others: counted.others,
    })
}

/// The rounds that count.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    /// What came of each.
    pub(crate) rounds: Vec<T>,
    /// Which part of the machine others had in each.
    pub(crate) others: Vec<f64>,
    /// How many were played.
    pub(crate) played: usize,
}

/// Plays rounds, each of which answers with the part of the machine that others had. One that was
/// disturbed is repeated, until there were twice as many as `wanted` or it is `until`; those that others
/// disturbed least count.
///
/// # Errors
/// Those of a round.
pub(crate) fn repeated<T>(
    wanted: usize,
    until: Instant,
    mut round: impl FnMut(usize) -> Result<(f64, T), Interrupted>,
) -> Result<Counted<T>, Interrupted> {
    let (mut others, mut rounds) = (Vec::new(), Vec::new());
    while wants_more(&others, wanted, Instant::now() < until) {
        let (share, came) = round(rounds.len())?;
        others.push(share);
        rounds.push(Some(came));
    }
    let counts = quietest(&others, wanted);
    Ok(Counted {
        rounds: counts.iter().filter_map(|nth| rounds[*nth].take()).collect(),
        others: counts.iter().map(|nth| others[*nth]).collect(),
        played: others.len(),
    })
}

/// One round: the part of the machine that others had, and what came of each candidate, in their order.
/// Each round begins with another one.
fn round(
    bench: &Bench,
    candidates: &[Candidate],
    asked: &Asked,
    nth: usize,
) -> Result<(f64, Vec<Run>), Interrupted> {
    let measured = || candidates.iter().flat_map(Candidate::processes).collect::<Vec<_>>();
    let before = Usage::now(&measured());
    let mut runs = Vec::new();
    for place in 0..candidates.len() {
        let candidate = (place + nth) % candidates.len();
        runs.push((candidate, run(bench, &candidates[candidate], asked)?));
    }
    runs.sort_by_key(|(candidate, _)| *candidate);
    let share = Usage::now(&measured()).others_since(&before);
    Ok((share, runs.into_iter().map(|(_, run)| run).collect()))
}

fn run(bench: &Bench, candidate: &Candidate, asked: &Asked) -> Result<Run, Interrupted> {
    let before = candidate.used();
    let answers = bench.ask(candidate, asked, bench.length)?;
    let after = candidate.used();
    Ok(figures(&answers, before, after, candidate.memory()))
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes of seconds are far below 2^52")]
fn figures(answers: &Answers, before: Used, after: Used, memory: u64) -> Run {
    let count = (answers.count.max(1)) as f64;
    let each = |since: Duration, until: Duration| {
        until.saturating_sub(since).as_secs_f64() * 1_000_000.0 / count
    };
    Run {
        rate: answers.count as f64 / answers.took.as_secs_f64().max(f64::EPSILON),
        p50: answers.p50.as_secs_f64() * 1000.0,
        p99: answers.p99.as_secs_f64() * 1000.0,
        nginx: each(before.nginx, after.nginx),
        rest: each(before.rest, after.rest),
        memory: memory as f64 / 1_000_000.0,
        // A server that answers nothing is not the one with the fewest errors.
        errors: if answers.count == 0 { answers.errors.max(1) } else { answers.errors },
    }
}

/// Whether another round is to be played after those with these shares of others.
fn wants_more(shares: &[f64], wanted: usize, in_time: bool) -> bool {
    let quiet = shares.iter().filter(|share| **share <= QUIET).count();
    shares.len() < wanted || (quiet < wanted && shares.len() < 2 * wanted && in_time)
}

/// The rounds that count: as many as wanted, those with the least of others, in their order.
fn quietest(shares: &[f64], wanted: usize) -> Vec<usize> {
    let mut rounds: Vec<usize> = (0..shares.len()).collect();
    rounds.sort_by(|a, b| shares[*a].total_cmp(&shares[*b]));
    rounds.truncate(wanted);
    rounds.sort_unstable();
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: f64 = 2.0 * QUIET;

    #[test]
    fn a_disturbed_round_is_repeated_until_there_were_twice_as_many() {
        assert!(wants_more(&[], 2, true) && wants_more(&[LOUD], 2, false));
        assert!(!wants_more(&[0.0, QUIET], 2, true));
        assert!(wants_more(&[0.0, LOUD], 2, true) && !wants_more(&[0.0, LOUD], 2, false));
        assert!(wants_more(&[LOUD; 3], 2, true) && !wants_more(&[LOUD; 4], 2, true));
        assert!(!wants_more(&[LOUD, 0.0, 0.0], 2, true));
    }

    #[test]
    fn the_quietest_rounds_count_in_their_order() {
        assert_eq!(quietest(&[0.3, 0.0, 0.2, 0.1], 2), [1, 3]);
        assert_eq!(quietest(&[0.3], 2), [0]);
    }

    #[test]
    fn what_a_request_costs_is_what_was_used_since() {
        let used = |nginx, rest| Used {
            nginx: Duration::from_millis(nginx),
            rest: Duration::from_millis(rest),
        };
        let answers = |count| Answers {
            count,
            took: Duration::from_secs(2),
            p50: Duration::from_micros(1500),
            p99: Duration::from_micros(9000),
            errors: 0,
        };
        let run = figures(&answers(10_000), used(50, 100), used(250, 700), 12_500_000);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(near(run.rate, 5000.0) && near(run.nginx, 20.0) && near(run.rest, 60.0), "{run:?}");
        assert!(near(run.p50, 1.5) && near(run.p99, 9.0) && near(run.memory, 12.5), "{run:?}");
        assert_eq!(run.errors, 0);
        assert_eq!(figures(&answers(0), used(0, 0), used(0, 0), 0).errors, 1);
    }
}
