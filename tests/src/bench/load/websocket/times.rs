//! How long answers took, counted by the microsecond.

use std::time::Duration;

/// What takes longer counts as this long, in microseconds.
const LONGEST: usize = 1_000_000;

/// How many answers took how long.
#[derive(Debug)]
pub(super) struct Times {
    counts: Vec<u32>,
    all: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: vec![0; LONGEST + 1], all: 0 }
    }
}

impl Times {
    pub(super) fn count(&mut self, took: Duration) {
        let microseconds = usize::try_from(took.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        if let Some(count) = self.counts.get_mut(microseconds) {
            *count += 1;
            self.all += 1;
        }
    }

    pub(super) fn all(&self) -> u64 {
        self.all
    }

    /// So many of a hundred took no longer; nothing of none.
    pub(super) fn percentile(&self, of_hundred: u64) -> Duration {
        let wanted = (self.all * of_hundred).div_ceil(100);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        Duration::from_micros(reached.unwrap_or(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_so_many_did_not_exceed() {
        let mut times = Times::default();
        (1..=200).for_each(|time| times.count(Duration::from_micros(time)));
        assert_eq!(times.percentile(50), Duration::from_micros(100));
        assert_eq!(times.percentile(99), Duration::from_micros(198));
        times.count(Duration::from_secs(60));
        assert_eq!((times.all(), times.percentile(100)), (201, Duration::from_secs(1)));
        assert_eq!(Times::default().percentile(50), Duration::ZERO);
    }
}
