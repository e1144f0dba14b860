//! What came of the requests of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// No connection was to be had.
    Refused,
    /// The connection was closed or reset before the first byte of an answer.
    NoAnswer,
    /// The answer broke off.
    Short,
    /// The answer had another status than 200.
    Status(u16),
    /// The answer was that of another request, or none to this one.
    Wrong,
    /// Nothing came within 30 seconds.
    Late,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::NoAnswer => f.write_str("closed without an answer"),
            Self::Short => f.write_str("broken off"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Wrong => f.write_str("wrong answer"),
            Self::Late => f.write_str("no answer in 30 s"),
        }
    }
}

/// A lost request, as far as it says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    pub(super) loss: Loss,
    pub(super) post: bool,
    /// Whether it was sent on a connection that had carried another one before.
    pub(super) kept: bool,
}

/// What came of all requests of a load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were made.
    pub sent: u64,
    /// Those that got their own answer.
    pub answered: u64,
    /// Kept connections that the server had closed before they were used again.
    pub reconnected: u64,
    /// The longest time from a request's start to the end of its answer, slow ones left out.
    pub longest_wait: Duration,
    /// The longest time in which no answer came at all.
    pub longest_gap: Duration,
    lost: BTreeMap<Lost, u64>,
    times: Vec<Duration>,
}

impl Tally {
    /// Requests that did not get their answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Lost requests that were GETs.
    #[must_use]
    pub fn lost_gets(&self) -> u64 {
        self.lost.iter().filter(|(lost, _)| !lost.post).map(|(_, count)| count).sum()
    }

    /// How requests were lost, and when, in milliseconds after the load's start; empty when none
    /// was.
    #[must_use]
    pub fn losses(&self) -> String {
        let each = self.lost.iter().map(|(lost, count)| {
            let method = if lost.post { "POST" } else { "GET" };
            let connection = if lost.kept { "kept" } else { "new" };
            format!("{count} {method} {} on a {connection} connection", lost.loss)
        });
        let each: Vec<String> = each.collect();
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) => {
                format!("{}; {} to {} ms", each.join(", "), first.as_millis(), last.as_millis())
            }
            _ => String::new(),
        }
    }
}

/// A tally that grows.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) tally: Tally,
    begin: Instant,
    last_answer: Instant,
    stopped: bool,
}

impl Counter {
    pub(super) fn new() -> Self {
        let begin = Instant::now();
        Self { tally: Tally::default(), begin, last_answer: begin, stopped: false }
    }

    pub(super) fn note(
        &mut self,
        outcome: &Result<(), Lost>,
        begin: Instant,
        end: Instant,
        reconnects: u64,
        slow: bool,
    ) {
        self.tally.sent += 1;
        self.tally.reconnected += reconnects;
        if !slow {
            self.tally.longest_wait = self.tally.longest_wait.max(end - begin);
        }
        match outcome {
            Ok(()) => {
                self.tally.answered += 1;
                self.gap_ends(end);
            }
            Err(lost) => {
                *self.tally.lost.entry(*lost).or_default() += 1;
                self.tally.times.push(end.saturating_duration_since(self.begin));
            }
        }
    }

    /// The load ends: what is answered later says nothing about gaps.
    pub(super) fn stop(&mut self) {
        self.gap_ends(Instant::now());
        self.stopped = true;
    }

    fn gap_ends(&mut self, at: Instant) {
        if self.stopped {
            return;
        }
        let gap = at.saturating_duration_since(self.last_answer);
        self.tally.longest_gap = self.tally.longest_gap.max(gap);
        self.last_answer = self.last_answer.max(at);
    }
}
