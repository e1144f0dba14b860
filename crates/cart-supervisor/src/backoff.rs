//! How long to wait before a crashed service is started again, and when to stop trying.

use std::time::Duration;

/// A service that lived this long was healthy: its crash is the first of a new row.
const HEALTHY: Duration = Duration::from_secs(10);
/// Waits after the first, second, ... crash in a row. The first restart is at once: a server that
/// was killed is wanted back, and its requests wait in the backlog meanwhile.
const WAITS_MS: &[u64] = &[0, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];

/// Counts the crashes of one service.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
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
