//! How busy others keep the machine while something is measured.

use std::time::{Duration, Instant};

use cart_core::process::{self, ProcessId};

/// A round in which others had more of the machine than this is one that they disturbed.
pub(crate) const QUIET: f64 = 0.05;

/// What processes have used of the processors until now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    /// Those that are ours: this one, and what is measured.
    ours: Duration,
    /// All others that can be seen.
    others: Duration,
    /// Everything but what the kernel does on its own, as the system counts it in steps.
    all: Duration,
    /// What the machine did not get of its processors, where it is a virtual one.
    stolen: Duration,
}

impl Usage {
    /// Until now, where `measured` is ours, too.
    #[must_use]
    pub(crate) fn now(measured: &[ProcessId]) -> Self {
        let (mut ours, mut others) = (Duration::ZERO, Duration::ZERO);
        for pid in process::all() {
            let used = process::processor_time(pid).unwrap_or_default();
            if pid == std::process::id() || measured.iter().any(|process| process.pid == pid) {
                ours += used;
            } else if pid != 1 && !process::words(pid).is_empty() {
                others += used;
            } // or it is the kernel's own, which works for us, too; or who takes in our orphans, with what
            // they used
        }
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let (all, stolen) = counted(&stat).unwrap_or_default();
        Self { at: Instant::now(), ours, others, all, stolen }
    }

    /// The part of the machine's processors, from 0 to 1, that others had since `before`.
    ///
    /// It is the larger of two sums, each of which may miss something: that of the others' own times
    /// knows nobody in another container, and that of all times without ours has nothing of what the
    /// system counts for us as a process's, and in its whole as an interrupt's.
    #[must_use]
    pub(crate) fn others_since(&self, before: &Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        let unseen = all.saturating_sub(self.ours.saturating_sub(before.ours));
        self.share_since(before, unseen)
    }

    /// The same where what is measured begins and ends meanwhile, as gears do: only of those others that
    /// can be seen.
    #[must_use]
    pub(crate) fn seen_others_since(&self, before: &Self) -> f64 {
        self.share_since(before, Duration::ZERO)
    }

    fn share_since(&self, before: &Self, unseen: Duration) -> f64 {
        let seen = self.others.saturating_sub(before.others);
        let stolen = self.stolen.saturating_sub(before.stolen);
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        #[expect(clippy::cast_precision_loss, reason = "no machine has that many processors")]
        let had = (self.at - before.at).as_secs_f64() * processors as f64;
        if had > 0.0 { (seen.max(unseen) + stolen).as_secs_f64() / had } else { 0.0 }
    }
}

/// Of `/proc/stat`: the time in user mode, with low priority and in the kernel for processes, together;
/// and the time that was stolen.
fn counted(stat: &str) -> Option<(Duration, Duration)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    let time = |ticks: u64| {
        #[expect(clippy::cast_precision_loss, reason = "no machine is up for that many ticks")]
        Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    };
    Some((time(ticks.get(..3)?.iter().sum()), time(*ticks.get(7)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(at: Instant, milliseconds: [u64; 4]) -> Usage {
        let [ours, others, all, stolen] = milliseconds.map(Duration::from_millis);
        Usage { at, ours, others, all, stolen }
    }

    #[test]
    fn what_others_had_is_the_most_that_can_be_told() {
        let processors = std::thread::available_parallelism().unwrap().get() as u64;
        let at = Instant::now();
        let later = at + Duration::from_secs(10);
        let share = |[ours, others, all, stolen]: [u64; 4]| {
            let before = usage(at, [70, 90, 160, 5]);
            let more = [70 + ours, 90 + others, 160 + all, 5 + stolen];
            let share = usage(later, more).others_since(&before);
            (share * 1000.0).round()
        };
        let second = 1000 * processors;
        assert_eq!(share([4 * second, 0, 4 * second, 0]).to_string(), "0");
        assert_eq!(share([4 * second, second, 4 * second, 0]).to_string(), "100");
        assert_eq!(share([4 * second, 0, 6 * second, second]).to_string(), "300");
        // Others end, and those who waited for them cannot be seen.
        let fewer = usage(later, [70, 10, 160, 5]).others_since(&usage(at, [70, 90, 160, 5]));
        assert_eq!(fewer.to_string(), "0");
    }

    #[test]
    fn the_systems_own_count_is_read() {
        let second = u64::from(rustix::param::clock_ticks_per_second() as u32);
        let stat = format!("cpu  {second} {second} {second} 9 9 9 9 {second} 0 0\ncpu0 1 1\n");
        let times = Some((Duration::from_secs(3), Duration::from_secs(1)));
        assert_eq!(counted(&stat), times);
        assert_eq!(counted("cpu  1 2"), None);
        assert!(Usage::now(&[]).all > Duration::ZERO);
    }
}
