//! A limit of a process that runs, lowered for a while.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cart_core::process::ProcessId;
use cart_core::wait;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::LIMIT;

/// How long the descriptors of a process must stay the same to be taken for those that it keeps.
const QUIET: Duration = Duration::from_millis(500);

/// Lowers the soft limit until it is dropped; the hard one stays, so that there is a way back.
#[derive(Debug)]
pub struct Lowered {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Lowered {
    /// Lets `process` open as many more files as `more` says, than it has once it opens and closes
    /// none any more.
    ///
    /// # Panics
    /// When the process is gone, somebody else's, or not quiet in time.
    #[must_use]
    pub fn files(process: ProcessId, more: usize) -> Self {
        Self::to(process, Resource::Nofile, "Max open files", limit_for(process, more))
    }

    /// Lets the user of `process` have at most `most` processes and threads as far as this process
    /// is to start one.
    ///
    /// # Panics
    /// When the process is gone, or somebody else's.
    #[must_use]
    pub fn processes(process: ProcessId, most: usize) -> Self {
        Self::to(process, Resource::Nproc, "Max processes", most)
    }

    fn to(process: ProcessId, resource: Resource, name: &str, most: usize) -> Self {
        let pid = Pid::from_raw(process.pid.try_into().unwrap()).unwrap();
        let table = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = table.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let number = |text: &str| text.parse().ok();
        let [current, maximum] = [0, 1].map(|n| number(line.split_whitespace().nth(n).unwrap()));
        let lower = Rlimit { current: Some(most as u64), maximum };
        prlimit(Some(pid), resource, lower).unwrap();
        Self { pid, resource, before: Rlimit { current, maximum } }
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        // A process that has ended needs no limit back.
        let _ = prlimit(Some(self.pid), self.resource, self.before);
    }
}

/// The limit is not about how many descriptors there are, but about their numbers: a new one gets
/// the lowest that is free.
fn limit_for(process: ProcessId, more: usize) -> usize {
    let open = quiet_descriptors(process);
    (0..).filter(|number| !open.contains(number)).nth(more).unwrap()
}

/// The numbers of the descriptors that a process has open once they have stayed the same for a
/// while: one that is just being closed would be one more to open.
fn quiet_descriptors(process: ProcessId) -> BTreeSet<usize> {
    let (mut seen, mut since) = (descriptors(process), Instant::now());
    let quiet = wait::until(LIMIT, || {
        let now = descriptors(process);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        (since.elapsed() >= QUIET).then(|| seen.clone())
    });
    quiet.unwrap_or_else(|| panic!("pid {} opens and closes all the time", process.pid))
}

fn descriptors(process: ProcessId) -> BTreeSet<usize> {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}
