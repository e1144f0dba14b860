//! How long to wait before a crashed service is started again, and when to stop trying; and processes
//! that are never given up.

use std::time::{Duration, Instant};

use cart_core::process::ProcessId;
use rustix::process::Signal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A service that lived this long was healthy: its crash is the first of a new row.
const HEALTHY: Duration = Duration::from_secs(10);
/// Waits after the first, second, ... crash in a row. The first restart is at once: a server that
/// was killed is wanted back, and its requests wait in the backlog meanwhile.
const WAITS_MS: &[u64] = &[0, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];

/// Counts the crashes of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BackOff {
    in_a_row: usize,
}

impl BackOff {
    /// As [`after_crash`](Self::after_crash), for what is never given up.
    pub(crate) fn after_end(&mut self, lived: Duration) -> Duration {
        let longest = WAITS_MS.last().copied().map(Duration::from_millis);
        self.after_crash(lived).or(longest).unwrap_or_default()
    }

    /// Notes a crash after `lived`; answers how long to wait, or `None` to give up.
    pub(crate) fn after_crash(&mut self, lived: Duration) -> Option<Duration> {
        if lived >= HEALTHY {
            self.in_a_row = 0;
        }
        let wait = WAITS_MS.get(self.in_a_row).copied();
        self.in_a_row += 1;
        wait.map(Duration::from_millis)
    }
}

/// A process that is to be there all the time: whenever it has ended, it is started again. As it is handed
/// over to another program, it is its [`ProcessId`].
#[derive(Debug, Default)]
pub(crate) struct Kept {
    process: Option<(ProcessId, Instant)>,
    /// When it is to be started again; without it, at once.
    start_at: Option<Instant>,
    back_off: BackOff,
}

impl Kept {
    /// The process, while it is there.
    pub(crate) fn id(&self) -> Option<ProcessId> {
        self.process.map(|(id, _)| id)
    }

    /// When it is to be started.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.start_at
    }

    /// Whether it is to be started now.
    pub(crate) fn is_due(&self) -> bool {
        self.process.is_none() && self.start_at.is_none_or(|at| at <= Instant::now())
    }

    /// It is there since just now.
    pub(crate) fn started(&mut self, id: ProcessId) {
        self.process = Some((id, Instant::now()));
        self.start_at = None;
    }

    /// Takes note of the end of process `pid`; if it was this one, answers in how long it is to be started
    /// again.
    pub(crate) fn ended(&mut self, pid: u32) -> Option<Duration> {
        let (_, since) = self.process.take_if(|(id, _)| id.pid == pid)?;
        Some(self.start_later(since.elapsed()))
    }

    /// Has it started again, after it has `lived` for so long; answers in how long.
    pub(crate) fn start_later(&mut self, lived: Duration) -> Duration {
        let wait = self.back_off.after_end(lived);
        self.start_in(wait);
        wait
    }

    /// Has it started in so long.
    pub(crate) fn start_in(&mut self, wait: Duration) {
        self.start_at = Some(Instant::now() + wait);
    }

    /// Has another one take its place, at once.
    pub(crate) fn renew(&mut self) {
        self.back_off = BackOff::default();
        match self.id() {
            Some(id) => id.signal(Signal::TERM),
            None => self.start_in(Duration::ZERO),
        }
    }

    /// Lets it go: it is not needed for now.
    pub(crate) fn let_go(&mut self) {
        self.start_at = None;
        self.signal(Signal::TERM);
    }

    /// Sends it a signal, if it is there.
    pub(crate) fn signal(&self, signal: Signal) {
        self.id().iter().for_each(|id| id.signal(signal));
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Option::<ProcessId>::deserialize(deserializer)?;
        Ok(Self { process: id.map(|id| (id, Instant::now())), ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_waits_grow_until_it_gives_up() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = std::iter::from_fn(|| back_off.after_crash(Duration::ZERO))
            .map(|w| w.as_millis())
            .collect();
        assert_eq!(waits.first(), Some(&0));
        assert!(waits.is_sorted());
        assert_eq!(waits.len(), WAITS_MS.len());
    }

    #[test]
    fn what_is_never_given_up_is_waited_for_as_long_as_the_longest_wait() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..20).map(|_| back_off.after_end(Duration::ZERO)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&Duration::from_secs(30)));
    }

    #[test]
    fn a_healthy_life_starts_the_row_anew() {
        let mut back_off = BackOff::default();
        while back_off.after_crash(Duration::ZERO).is_some() {}
        assert_eq!(back_off.after_crash(HEALTHY), Some(Duration::ZERO));
    }
}
