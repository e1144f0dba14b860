//! How fast ours is beside its peers: all of them are started here, and asked one after the other in each
//! of several rounds, so that only what differs between them is left. `cargo xtask bench` plays it.
//! Figures of one machine mean little elsewhere; ratios within a run are what counts.

mod candidate;
mod figures;
mod gears;
mod load;
mod machine;
mod parts;
mod peer;
mod rounds;
mod svg;
mod table;
mod with;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use cart_core::CommandSpec;
use cart_core::run::{self, Output};

use candidate::{Candidate, OURS, TUNED};
pub use figures::{Figures, Line};
pub use load::Wrk;
use load::{Answers, Asked, websocket};
pub use parts::{Outcome, PARTS, Part, Told, names};
pub use rounds::{Contest, Row};
pub use svg::svg;
pub use table::{json, machine, text};

/// How long a part may take. Rounds that were asked for are played all the same; only a disturbed one is
/// not repeated when the time is up.
const LIMIT: Duration = Duration::from_secs(600);
/// The least part of the tuned one's requests with which `--check` is content.
pub const ENOUGH: f64 = 0.9;

/// The servers of the part `app`.
#[must_use]
pub fn servers() -> Vec<&'static str> {
    peer::server::SERVERS.iter().map(|server| server.name).collect()
}

/// What is played, and with what.
#[derive(Debug)]
pub struct Bench {
    /// The assembled cartridge, from a release build.
    pub cartridge: Utf8PathBuf,
    /// Where what takes long to make is kept until the next time.
    pub place: Utf8PathBuf,
    /// What makes the load.
    pub wrk: Wrk,
    /// How many rounds count.
    pub rounds: usize,
    /// How long each candidate is asked in a round.
    pub length: Duration,
    /// Only these servers; all when there are none.
    pub servers: Vec<String>,
    /// How many gears the part `density` makes.
    pub gears: usize,
    /// Only ours and the tuned one.
    pub short: bool,
    /// Set when it is to end.
    pub end: Arc<AtomicBool>,
}

impl Bench {
    /// Whether a candidate is played.
    fn wants(&self, candidate: &str) -> bool {
        !self.short || [OURS, TUNED].contains(&candidate)
    }

    fn wants_server(&self, name: &str) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|server| server == name)
    }

    /// To be asked wherever it can end.
    fn go_on(&self) -> Result<(), Interrupted> {
        if self.end.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }

    /// Asks a candidate for as long as this.
    fn ask(
        &self,
        candidate: &Candidate,
        asked: &Asked,
        length: Duration,
    ) -> Result<Answers, Interrupted> {
        self.go_on()?;
        if let Asked::Echo(path) = asked {
            let answers = websocket::exchange(candidate.address, path, length, &self.end);
            self.go_on()?;
            return Ok(answers);
        }
        let answers = self.wrk.run(candidate.address, asked, length);
        self.go_on()?;
        Ok(answers.unwrap_or_else(|e| panic!("{}: {e}", candidate.name)))
    }

    /// Runs a command to its end; answers what it printed.
    ///
    /// At a Ctrl-C, which reaches it, too, it may fail: then it is the end that counts.
    fn done(&self, command: &CommandSpec, limit: Duration) -> Result<Output, Interrupted> {
        self.go_on()?;
        let output = run::checked(command, limit);
        self.go_on()?;
        Ok(output.unwrap_or_else(|e| panic!("{e}")))
    }

    /// Where the cartridge has its uv, if it has one.
    fn uv(&self) -> Utf8PathBuf {
        self.cartridge.join("usr/bin/uv")
    }
}

/// The time of a part, shared out among its contests.
#[derive(Debug)]
struct Budget {
    ends: Instant,
    left: usize,
}

impl Budget {
    fn new(contests: usize) -> Self {
        Self { ends: Instant::now() + LIMIT, left: contests }
    }

    /// When the next contest is to end: what earlier ones left is shared by the later ones.
    fn next_ends(&mut self) -> Instant {
        let now = Instant::now();
        let left = u32::try_from(self.left.max(1)).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(1);
        now + self.ends.saturating_duration_since(now) / left
    }
}

/// Whether ours is so much slower than the tuned one that somebody should look, or does not answer.
#[must_use]
pub fn is_behind(contest: &Contest) -> bool {
    let errors = |name| contest.row(name).is_none_or(|row| row.errors() > 0);
    let ratio = contest.row(OURS).and_then(|row| contest.ratio(row));
    errors(OURS) || errors(TUNED) || ratio.is_none_or(|ratio| ratio.median < ENOUGH)
}

/// Somebody wants it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted: what was started is stopped")
    }
}

impl std::error::Error for Interrupted {}

#[cfg(test)]
mod tests {
    use super::*;
    use rounds::Run;

    fn contest(ours: f64, errors: u64) -> Contest {
        let run = |rate, errors| Run {
            rate,
            p50: 1.0,
            p99: 2.0,
            nginx: 10.0,
            rest: 20.0,
            memory: 30.0,
            errors,
        };
        let row = |name, rate, errors| Row { name, runs: vec![run(rate, errors); 3] };
        Contest {
            name: "gunicorn".to_owned(),
            about: "GET /".to_owned(),
            counted: "requests",
            base: TUNED,
            rows: vec![row(TUNED, 1000.0, 0), row(OURS, ours, errors)],
            played: 3,
            others: vec![0.0; 3],
        }
    }

    #[test]
    fn nine_tenths_are_enough_and_errors_never() {
        assert!(!is_behind(&contest(900.0, 0)) && is_behind(&contest(899.0, 0)));
        assert!(is_behind(&contest(2000.0, 1)));
        let mut alone = contest(2000.0, 0);
        alone.rows.remove(0);
        assert!(is_behind(&alone));
    }

    #[test]
    fn what_one_contest_leaves_the_others_have() {
        let mut budget = Budget::new(2);
        let half = Instant::now() + LIMIT / 2;
        assert!(budget.next_ends().saturating_duration_since(half) < Duration::from_secs(60));
        assert!(budget.next_ends() > half + LIMIT / 3);
    }
}
