//! A limit of a process that runs, lowered for a while.

use cart_core::process::ProcessId;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Lowers the soft limit until it is dropped; the hard one stays, so that there is a way back.
#[derive(Debug)]
pub struct Lowered {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Lowered {
    /// Lets `process` open as many more files as `more` says.
    ///
    /// # Panics
    /// When the process is gone, or somebody else's.
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
    let is_free = |number: &usize| {
        std::fs::symlink_metadata(format!("/proc/{}/fd/{number}", process.pid)).is_err()
    };
    (0..).filter(is_free).nth(more).unwrap()
}
