//! Services that may have only so much memory: replaced, as a hook would do it, when one of their
//! processes has more.
//!
//! Resident memory is what is looked at: the system knows it without counting, and it is what people
//! know from other programs. Nobody is woken for a service without a limit.

use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId, tree};

use crate::services::instance::Instance;

/// How often one looks.
const LOOK: Duration = Duration::from_secs(5);
/// How long a generation must have lived before it is replaced: one that has too much earlier needs that
/// much, most likely, and so will the next.
const FIRST_PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What is remembered of a service between two looks.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    next: Instant,
    /// What it may have; with another limit, all begins anew.
    limit: u64,
    patience: Duration,
    /// The generation that had too much before its time.
    early: Option<u64>,
    /// Whether that was said, of it or of one before.
    said: bool,
    /// The generation that was to be replaced last, and when: one that still serves could not be.
    tried: Option<(u64, Instant)>,
}

impl Default for MemoryWatch {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            limit: 0,
            patience: FIRST_PATIENCE,
            early: None,
            said: false,
            tried: None,
        }
    }
}

/// What is to be done about a service that has too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Replace,
    /// Nothing yet, and people must be told.
    Tell,
    /// Nothing yet, and people know.
    Wait,
}

impl MemoryWatch {
    /// When to look at the memory of what serves.
    pub(crate) fn look_at(&self, current: &Instance) -> Option<Instant> {
        (current.spec.max_memory.is_some() && current.process.is_some()).then_some(self.next)
    }

    /// Looks at the memory of what serves, if it is time to. Answers what is to be done if it has too much,
    /// and what people are to be told; nothing is done unless it `can_be_replaced` now.
    pub(crate) fn look(
        &mut self,
        current: &Instance,
        now: Instant,
        can_be_replaced: bool,
    ) -> Option<(Verdict, String)> {
        self.look_at(current).filter(|at| *at <= now)?;
        self.next = now + LOOK;
        let (limit, running) = (current.spec.max_memory?, current.process?);
        if self.limit != limit {
            *self = Self { next: now + LOOK, limit, ..Self::default() };
        }
        let (process, bytes) = largest(running.id).filter(|(_, bytes)| *bytes > limit)?;
        if !can_be_replaced {
            return None;
        }
        let (pid, has, may_have) = (process.pid, bytes >> 20, limit >> 20);
        let has = format!("pid {pid} has {has} MB of memory, and may have {may_have} MB");
        let patience = self.patience.as_secs();
        let verdict = self.judge(current.generation, running.since, now);
        let told = match verdict {
            Verdict::Replace => format!("{has}: the service is replaced"),
            Verdict::Tell => format!(
                "{has} so soon after its start: the limit is too low for it, most likely. It is \
                 replaced when it has run for {patience} s, then after twice as long each time"
            ),
            Verdict::Wait => return None,
        };
        Some((verdict, told))
    }

    /// A generation that runs since `since` has too much.
    fn judge(&mut self, generation: u64, since: Instant, now: Instant) -> Verdict {
        let failed = self.tried.filter(|(tried, _)| *tried == generation).map(|(_, at)| at);
        if now.saturating_duration_since(failed.unwrap_or(since)) < self.patience {
            if failed.is_some() {
                return Verdict::Wait;
            }
            self.early = Some(generation);
            return if std::mem::replace(&mut self.said, true) {
                Verdict::Wait
            } else {
                Verdict::Tell
            };
        }
        if failed.is_some() || self.early == Some(generation) {
            self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        } else {
            self.patience = FIRST_PATIENCE;
            self.said = false;
        }
        self.tried = Some((generation, now));
        Verdict::Replace
    }
}

/// Which of a service's processes has most: its main one, or a worker, which is a child that runs the
/// same program. What an app starts beside that is its own affair.
fn largest(main: ProcessId) -> Option<(ProcessId, u64)> {
    let program = process::executable(main.pid);
    let workers = process::children(main.pid).into_iter();
    let workers = workers.filter(|pid| process::executable(*pid) == program);
    let all = workers.filter_map(ProcessId::of).chain([main]);
    all.filter_map(|p| Some((p, tree::resident(p.pid)?))).max_by_key(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_grows_is_replaced_at_once_and_each_time() {
        let mut watch = MemoryWatch::default();
        let mut now = Instant::now();
        for generation in 1..=3 {
            let since = now;
            now += FIRST_PATIENCE * 100;
            assert_eq!(watch.judge(generation, since, now), Verdict::Replace);
            assert_eq!(watch.patience, FIRST_PATIENCE);
        }
    }

    #[test]
    fn one_that_needs_that_much_is_told_once_and_replaced_ever_more_seldom() {
        let mut watch = MemoryWatch::default();
        let mut now = Instant::now();
        let mut told = 0;
        let mut last = Duration::ZERO;
        for generation in 1..=20 {
            let since = now;
            loop {
                match watch.judge(generation, since, now) {
                    Verdict::Replace => break,
                    Verdict::Tell => told += 1,
                    Verdict::Wait => {}
                }
                now += watch.patience / 2;
            }
            let lived = now - since;
            assert!(lived >= last && lived <= LONGEST_PATIENCE);
            last = lived;
        }
        assert_eq!((told, last), (1, LONGEST_PATIENCE));
        // It was mended since, and grows slowly now.
        let since = now;
        assert_eq!(watch.judge(21, since, since + LONGEST_PATIENCE), Verdict::Replace);
        assert_eq!(watch.patience, FIRST_PATIENCE);
    }

    #[test]
    fn one_whose_successor_does_not_come_up_is_tried_ever_more_seldom() {
        let mut watch = MemoryWatch::default();
        let since = Instant::now();
        let mut now = since + FIRST_PATIENCE;
        let mut tries = Vec::new();
        for _ in 0..1000 {
            match watch.judge(1, since, now) {
                Verdict::Replace => tries.push(now),
                Verdict::Tell => panic!("it is not early"),
                Verdict::Wait => {}
            }
            now += LOOK;
        }
        let pauses: Vec<u64> = tries.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
        assert_eq!(pauses[..5], [20, 40, 80, 160, 320]);
    }
}
