//! How many worker processes fit: the CPUs and the memory that the gear may really use, which on a
//! shared machine are far less than the machine has.

use camino::Utf8Path;
use cart_core::Gear;

use crate::runtime::cgroup;

/// What one worker is reckoned at before any was measured: a small app with its framework in a gevent
/// or gthread worker takes 30 to 60 MB resident, some of it shared with its master.
pub const WORKER_MB: u64 = 64;

/// What is left for the rest of the gear: nginx, the server's master, the supervisor, a shell.
pub const RESERVED_MB: u64 = 64;

/// No default goes beyond this many workers; whoever needs more says so.
pub const MOST_WORKERS: u32 = 64;

const MB: u64 = 1024 * 1024;

/// What a gear may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// CPUs, at least 1; a part of one counts as one.
    pub cpus: u32,
    /// Memory in bytes, if any limit is known.
    pub memory: Option<u64>,
}

impl Resources {
    /// What this process, and so its children, may use on this gear.
    #[must_use]
    pub fn of_gear(gear: &Gear) -> Self {
        Self::read(Utf8Path::new("/"), affinity(), gear.memory)
    }

    /// The smallest of all limits that the files below `root` (`/` but in tests) tell of:
    /// `/proc/self/cgroup`, `/sys/fs/cgroup` and `/proc/meminfo`; of `affinity`, the CPUs that
    /// the scheduler would use; and of `gear_memory` in bytes, which a node tells by
    /// `OPENSHIFT_GEAR_MEMORY_MB`.
    #[must_use]
    pub fn read(root: &Utf8Path, affinity: Option<u32>, gear_memory: Option<u64>) -> Self {
        let limits = cgroup::limits(root);
        let cpus = [affinity, limits.cpus].into_iter().flatten().min();
        let memory = [gear_memory, limits.memory, machine_memory(root)].into_iter().flatten().min();
        Self { cpus: cpus.unwrap_or(1).max(1), memory }
    }

    /// Worker processes when nobody said how many: CPUs x 2 + 1, as many as the memory bears, at
    /// least one. `measured` is what a worker of this app takes, `beside` what else runs for the app,
    /// in bytes.
    #[must_use]
    pub fn default_workers(self, measured: Option<u64>, beside: u64) -> Workers {
        let by_cpus = u64::from(self.cpus) * 2 + 1;
        let cpus = if self.cpus == 1 { "CPU" } else { "CPUs" };
        let mut because = format!("{} {cpus} x 2 + 1 = {by_cpus}", self.cpus);
        let mut workers = by_cpus;
        if let Some(memory) = self.memory.map(|bytes| bytes / MB) {
            let (each, how) = match measured {
                Some(bytes) => (bytes.div_ceil(MB).max(1), "measured"),
                None => (WORKER_MB, "until one is measured"),
            };
            let beside = beside.div_ceil(MB);
            let by_memory = memory.saturating_sub(RESERVED_MB + beside) / each;
            if by_memory < workers {
                workers = by_memory.max(1);
                let beside = if beside > 0 { format!(" - {beside}") } else { String::new() };
                because = format!(
                    "{because}, bounded by memory: ({memory} - {RESERVED_MB}{beside}) MB / {each} \
                     MB {how}"
                );
            }
        }
        if workers > u64::from(MOST_WORKERS) {
            because = format!("{because}, bounded by {MOST_WORKERS}");
        }
        let count = u32::try_from(workers).unwrap_or(MOST_WORKERS).min(MOST_WORKERS);
        Workers { count, because: Some(because) }
    }
}

/// What processes beside the server take together: for each kind what one takes, in bytes, if that was
/// measured, and how many there are to be.
pub(crate) fn beside(kinds: impl Iterator<Item = (Option<u64>, u32)>) -> u64 {
    kinds.map(|(each, count)| each.unwrap_or(WORKER_MB * MB) * u64::from(count)).sum()
}

/// How many worker processes a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    /// The number.
    pub count: u32,
    /// Why it is that one, for people: the rest of a sentence that begins with the number. None where
    /// nobody said anything and the server has so many always.
    pub because: Option<String>,
}

/// The CPUs that this process may be scheduled on.
fn affinity() -> Option<u32> {
    rustix::thread::sched_getaffinity(None).ok().map(|set| set.count()).filter(|count| *count > 0)
}

fn machine_memory(root: &Utf8Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1024 * MB;

    fn workers(cpus: u32, memory: Option<u64>) -> u32 {
        Resources { cpus, memory }.default_workers(None, 0).count
    }

    fn reason(cpus: u32, memory_mb: u64, measured_mb: Option<u64>) -> String {
        reason_beside(cpus, memory_mb, measured_mb, 0)
    }

    fn reason_beside(
        cpus: u32,
        memory_mb: u64,
        measured_mb: Option<u64>,
        beside_mb: u64,
    ) -> String {
        let resources = Resources { cpus, memory: Some(memory_mb * MB) };
        let Workers { count, because } =
            resources.default_workers(measured_mb.map(|mb| mb * MB), beside_mb * MB);
        format!("{count}: {}", because.unwrap())
    }

    #[test]
    fn the_reason_has_the_numbers_that_count() {
        insta::assert_snapshot!(reason(1, 1024, None), @"3: 1 CPU x 2 + 1 = 3");
        insta::assert_snapshot!(reason(2, 512, Some(140)), @"3: 2 CPUs x 2 + 1 = 5, bounded by memory: (512 - 64) MB / 140 MB measured");
        insta::assert_snapshot!(reason(2, 256, None), @"3: 2 CPUs x 2 + 1 = 5, bounded by memory: (256 - 64) MB / 64 MB until one is measured");
        insta::assert_snapshot!(reason(2, 512, Some(600)), @"1: 2 CPUs x 2 + 1 = 5, bounded by memory: (512 - 64) MB / 600 MB measured");
        insta::assert_snapshot!(reason_beside(2, 512, Some(140), 120), @"2: 2 CPUs x 2 + 1 = 5, bounded by memory: (512 - 64 - 120) MB / 140 MB measured");
        assert_eq!(beside([(Some(100 * MB), 1), (None, 2), (None, 0)].into_iter()), 228 * MB);
        insta::assert_snapshot!(reason(2, 512, Some(30)), @"5: 2 CPUs x 2 + 1 = 5");
        insta::assert_snapshot!(reason(40, 1 << 20, None), @"64: 40 CPUs x 2 + 1 = 81, bounded by 64");
    }

    #[test]
    fn cpus_decide_where_memory_is_plenty() {
        assert_eq!(workers(1, Some(GB)), 3);
        assert_eq!(workers(4, Some(8 * GB)), 9);
        assert_eq!(workers(4, None), 9);
    }

    #[test]
    fn memory_decides_on_a_small_gear_of_a_big_machine() {
        assert_eq!(workers(64, Some(512 * MB)), 7);
        assert_eq!(workers(64, Some(256 * MB)), 3);
        assert_eq!(workers(64, Some(32 * MB)), 1);
    }

    #[test]
    fn a_big_machine_without_limits_does_not_start_hundreds() {
        assert_eq!(workers(256, None), MOST_WORKERS);
    }

    #[test]
    fn the_smallest_limit_counts_wherever_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(root.join("proc")).unwrap();
        let meminfo = b"MemTotal:        2097152 kB\nMemFree: 1 kB\n";
        cart_core::files::write_atomic(&root.join("proc/meminfo"), meminfo, 0o644).unwrap();
        let machine = Resources::read(root, Some(8), None);
        assert_eq!(machine, Resources { cpus: 8, memory: Some(2 * GB) });
        let gear = Resources::read(root, Some(8), Some(512 * MB));
        assert_eq!(gear.memory, Some(512 * MB));
        assert_eq!(Resources::read(root, None, None).cpus, 1);
    }

    #[test]
    fn this_machine_has_a_cpu_and_memory() {
        let here = Resources::read(Utf8Path::new("/"), affinity(), None);
        assert!(here.cpus >= 1);
        assert!(here.memory.unwrap() > 16 * MB);
    }
}
