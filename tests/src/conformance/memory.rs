//! A group of processes that gets no more memory than it may.

use std::fs::{self, OpenOptions};
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::wait;

use super::stage::LIMIT;

/// A control group with a limit; what still runs in it at its end goes to the group above.
#[derive(Debug)]
pub(super) struct Group {
    directory: Utf8PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    Two,
}

impl Group {
    /// A group below one of the machine's, or why there is none: it takes root, and a machine whose
    /// groups may be written.
    pub(super) fn new(megabytes: usize) -> Result<Self, String> {
        let name = format!("conformance-{}-{:?}", std::process::id(), std::thread::current().id());
        let name = name.replace(['(', ')'], "");
        let roots = [("/sys/fs/cgroup/memory", Version::One), ("/sys/fs/cgroup", Version::Two)];
        let (root, version) = roots
            .into_iter()
            .find(|(root, version)| {
                let file = match version {
                    Version::One => "memory.limit_in_bytes",
                    Version::Two => "cgroup.subtree_control",
                };
                Utf8Path::new(root).join(file).exists()
            })
            .ok_or("this machine has no memory control groups")?;
        let refused = |e: std::io::Error| format!("no memory control group can be made here: {e}");
        let directory = Utf8Path::new(root).join(name);
        if matches!(version, Version::Two) {
            let file = Utf8Path::new(root).join("cgroup.subtree_control");
            let given = fs::read_to_string(&file).map_err(refused)?;
            if !given.split_whitespace().any(|controller| controller == "memory") {
                write(&file, "+memory").map_err(refused)?;
            }
        }
        fs::create_dir(&directory).map_err(refused)?;
        let group = Self { directory, version };
        let (file, swap) = match version {
            Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
            Version::Two => ("memory.max", "memory.swap.max"),
        };
        let limit = (megabytes << 20).to_string();
        group.write(file, &limit).map_err(refused)?;
        // Where swap is counted at all, none is given.
        let more = if matches!(version, Version::One) { limit.as_str() } else { "0" };
        let _ = group.write(swap, more);
        Ok(group)
    }

    /// Takes a process in; what it starts from now on is in the group, too.
    pub(super) fn take(&self, process: ProcessId) {
        self.write("cgroup.procs", &process.pid.to_string()).unwrap();
    }

    /// How many processes were killed because there was no memory left, as the kernel counts.
    pub(super) fn killed(&self) -> u32 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.directory.join(file)).unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }

    fn write(&self, file: &str, text: &str) -> std::io::Result<()> {
        write(&self.directory.join(file), text)
    }
}

/// The control files take bytes as they are, and cannot be replaced by others.
fn write(file: &Utf8Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

impl Drop for Group {
    fn drop(&mut self) {
        let emptied = || {
            let inside = fs::read_to_string(self.directory.join("cgroup.procs")).ok()?;
            let parent = self.directory.parent()?.join("cgroup.procs");
            for pid in inside.lines() {
                let _ = write(&parent, pid);
            }
            fs::remove_dir(&self.directory).ok()
        };
        let _ = wait::until(LIMIT, emptied);
    }
}
