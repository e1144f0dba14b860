//! What belongs to a process, and what all of it weighs.

use std::time::Duration;

use super::{ProcessId, children};

/// `root`, its children, theirs, and so on, parents before children; without zombies. Empty when
/// `root` has ended.
#[must_use]
pub fn with_descendants(root: ProcessId) -> Vec<ProcessId> {
    if !root.is_alive() {
        return Vec::new();
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let of_parent = children(parent.pid).into_iter().filter_map(ProcessId::of);
        let mut new: Vec<ProcessId> =
            of_parent.filter(|process| !found.contains(process)).collect();
        new.sort_by_key(|process| (process.started, process.pid));
        found.extend(new);
        next += 1;
    }
    found
}

/// How long a process has lived; `None` when the system does not say.
#[must_use]
pub fn age(process: ProcessId) -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "a machine is not up for that many ticks")]
    let started = process.started as f64 / ticks as f64;
    Duration::try_from_secs_f64((up - started).max(0.0)).ok()
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident, pages shared with others included.
    pub resident: u64,
    /// The process's fair part of what it shares, and all of what it does not (PSS); `None` before
    /// Linux 4.14, where it would take too long.
    pub fair_share: Option<u64>,
}

impl Memory {
    /// Of one process; `None` when it has ended or is another user's.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let resident = resident(pid)?;
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
        Some(Self { resident, fair_share: rollup.as_deref().and_then(pss) })
    }

    /// Of several processes; the fair share is known when it is of all of them.
    #[must_use]
    pub fn sum(of: impl IntoIterator<Item = Self>) -> Self {
        let none = Self { resident: 0, fair_share: Some(0) };
        of.into_iter().fold(none, |sum, one| Self {
            resident: sum.resident + one.resident,
            fair_share: sum.fair_share.zip(one.fair_share).map(|(a, b)| a + b),
        })
    }
}

/// Bytes of resident memory of one process, which the system knows without counting; `None` when it has
/// ended.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_comes_before_its_children_and_one_that_ended_has_none() {
        let me = ProcessId::of(std::process::id()).unwrap();
        let parent = ProcessId::of(super::super::parent(me.pid).unwrap()).unwrap();
        let found = with_descendants(parent);
        assert_eq!(found.first(), Some(&parent));
        assert!(found.contains(&me));
        assert_eq!(with_descendants(ProcessId { started: me.started + 1, ..me }), []);
    }

    #[test]
    fn this_process_is_young_and_has_memory() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(age(me).unwrap() < Duration::from_secs(3600));
        let memory = Memory::of(me.pid).unwrap();
        assert!(memory.resident > 100_000);
        assert_eq!(Memory::sum([memory, memory]).resident, 2 * memory.resident);
    }

    #[test]
    fn a_sum_without_one_fair_share_has_none() {
        let known = Memory { resident: 1, fair_share: Some(1) };
        let unknown = Memory { resident: 1, fair_share: None };
        assert_eq!(Memory::sum([known, unknown]), Memory { resident: 2, fair_share: None });
        assert_eq!(pss("Rss:  9 kB\nPss:                  12 kB\nPss_Anon: 1 kB\n"), Some(12288));
    }
}
