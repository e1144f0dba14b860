//! A generation that did not prove itself, until its last lines are in the log: some may be on their
//! way, and one that does not answer is asked where it stands.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cart_core::process::{ProcessId, signals, tree};
use rustix::process::Signal;

use crate::protocol::messages::Failure;
use crate::services::instance::Instance;
use crate::services::supervised::Service;

/// How often it is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(5);
/// How long a failure waits for what was printed to be written.
const LIMIT: Duration = Duration::from_secs(10);
/// How long while nothing of it is written: the disk is full, say.
const STUCK: Duration = Duration::from_secs(2);
/// When somebody else writes it, and so tells nobody when that is done: how long the log must have
/// been at rest, or nothing have come at all.
const REST_ELSEWHERE: Duration = Duration::from_secs(1);
const NOTHING_ELSEWHERE: Duration = Duration::from_secs(3);
/// How long one that was asked where it stands may take to begin to say so, and to go on.
const ASKED: Duration = Duration::from_millis(1500);
const REST_ASKED: Duration = Duration::from_millis(300);
const LIMIT_ASKED: Duration = Duration::from_secs(6);
/// How long a closed connection may be the first sign of an end.
const ENDING_LIMIT: Duration = Duration::from_millis(200);

/// A failure whose reasons are still coming.
#[derive(Debug)]
pub(crate) struct Failing {
    pub(crate) failure: Failure,
    since: Instant,
    /// The log as it was seen last, and since when it has been so.
    log: Option<(u64, u64)>,
    same_since: Instant,
    /// Since when nothing is on its way there, either.
    rests_since: Instant,
    /// What its processes are asked by next.
    signals: Vec<i32>,
    /// Those that have not been asked yet by the signal whose turn it is.
    unasked: VecDeque<(ProcessId, Signal)>,
    /// When one was asked last, and whether one before has said anything.
    asked: Option<Instant>,
    answered: bool,
}

impl Failing {
    /// `candidate` has failed.
    pub(crate) fn new(failure: Failure, candidate: &Instance) -> Self {
        let now = Instant::now();
        let silent = matches!(failure, Failure::NoAnswer { .. });
        let mut signals = if silent { candidate.spec.asked_where.clone() } else { Vec::new() };
        signals.reverse();
        let log = seen(&candidate.spec.log);
        Self {
            failure,
            since: now,
            log,
            same_since: now,
            rests_since: now,
            signals,
            unasked: VecDeque::new(),
            asked: None,
            answered: false,
        }
    }

    /// Whether nothing more is to be expected in the log; asks where it stands if need be.
    pub(crate) fn is_told(&mut self, candidate: &Instance, service: &Service) -> bool {
        let now = Instant::now();
        let log = seen(&candidate.spec.log);
        if log != self.log {
            (self.log, self.same_since, self.rests_since) = (log, now, now);
        }
        let unwritten = service.has_unwritten_output();
        if unwritten {
            self.rests_since = now;
        }
        if self.asks(candidate) || self.may_be_ending(candidate) {
            return false;
        }
        let (rest, lived) = (now - self.rests_since, now - self.since);
        if !service.tells_what_is_written() {
            let any = || !candidate.last_lines().is_empty() || lived >= NOTHING_ELSEWHERE;
            return lived >= LIMIT || (rest >= REST_ELSEWHERE && any());
        }
        match self.asked {
            Some(_) => lived >= LIMIT_ASKED || rest >= REST_ASKED,
            None => !unwritten || lived >= LIMIT || now - self.same_since >= STUCK,
        }
    }

    /// Asks by one signal after the other until there is an answer, and by each of them one process
    /// after the other: what several write at once is mixed up. Answers whether more may come.
    fn asks(&mut self, candidate: &Instance) -> bool {
        if self.since.elapsed() >= LIMIT_ASKED {
            return false;
        }
        if let Some(asked) = self.asked {
            self.answered |= self.rests_since > asked;
            if !self.unasked.is_empty() {
                if self.rests_since.max(asked).elapsed() < REST_ASKED {
                    return true;
                }
            } else if self.answered {
                self.signals.clear();
                return false;
            } else if asked.elapsed() < ASKED {
                return true;
            }
        }
        if self.unasked.is_empty() {
            let Some(process) = candidate.process else { return false };
            let Some(number) = self.signals.pop() else { return false };
            if let Some(signal) = Signal::from_named_raw(number) {
                let all = tree::with_descendants(process.id).into_iter();
                let all = all.filter(|process| signals::is_caught(*process, signal));
                self.unasked = all.map(|process| (process, signal)).collect();
            }
        }
        if let Some((process, signal)) = self.unasked.pop_front() {
            process.signal(signal);
        }
        self.asked = Some(Instant::now());
        true
    }

    /// Whether it may be about to end: who is killed over a request closes the connection first.
    fn may_be_ending(&self, candidate: &Instance) -> bool {
        matches!(self.failure, Failure::NoHttp { .. })
            && candidate.process.is_some()
            && self.since.elapsed() < ENDING_LIMIT
    }
}

/// What tells one state of a log from another: its inode and its length.
fn seen(log: &Utf8Path) -> Option<(u64, u64)> {
    std::fs::metadata(log).ok().map(|metadata| (metadata.ino(), metadata.len()))
}
