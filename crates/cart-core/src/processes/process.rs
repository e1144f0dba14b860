//! Processes that are not our children: known by pid and start time, so that a pid which the
//! system gave to another process meanwhile is never taken for ours.

pub mod signals;
pub mod tree;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use crate::processes::wait;

/// One process, however long it lives: its pid and when it started, in clock ticks since boot
/// (field 22 of `/proc/PID/stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The pid.
    pub pid: u32,
    /// Clock ticks from boot to the process's start.
    pub started: u64,
}

impl ProcessId {
    /// The process that has this pid now, if there is one that is not a zombie.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Self { pid, started: stat.started })
    }

    /// A child that was started just now, even if it has ended already: its pid is its own until
    /// it is waited for.
    #[must_use]
    pub fn of_child(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, started: stat.started })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Whether this very process is known to have ended. Not the opposite of
    /// [`is_alive`](Self::is_alive): when `/proc` cannot be read, for want of a descriptor say,
    /// nothing is known.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match std::fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(text) => Stat::parse(&text).is_some_and(|stat| {
                stat.started != self.started || matches!(stat.state, 'Z' | 'X')
            }),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// Sends a signal; a process that has ended meanwhile is no error.
    pub fn signal(self, signal: Signal) {
        if let Some(pid) = self.to_pid().filter(|_| self.is_alive()) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Sends a signal to the process group that this process leads.
    pub fn signal_group(self, signal: Signal) {
        if let Some(pid) = self.to_pid().filter(|_| self.is_alive()) {
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    fn to_pid(self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    /// Kills the process group that this process leads.
    pub fn kill_group(self) {
        self.signal_group(Signal::KILL);
    }

    /// Waits until this process has ended; answers whether it did within `limit`.
    #[must_use]
    pub fn wait_gone(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        // Its end is told, where the system can: looking costs up to 50 milliseconds more.
        if let Some(end) = end_of(self) {
            wait::readable(&end, limit);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        wait::until(left, || (!self.is_alive()).then_some(())).is_some()
    }
}

/// A descriptor that is readable once this very process has ended, whoever's child it is; `None`
/// when it has ended already, or before Linux 5.3.
#[must_use]
pub fn end_of(process: ProcessId) -> Option<OwnedFd> {
    let end = rustix::process::pidfd_open(process.to_pid()?, PidfdFlags::empty()).ok()?;
    // The pid may have been given to another process before it was opened.
    process.is_alive().then_some(end)
}

/// Whether a process is stopped by a signal (SIGSTOP): it does nothing until somebody lets it go on.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.state == 'T')
}

/// The pids of the direct children of `parent`, zombies included.
#[must_use]
pub fn children(parent: u32) -> Vec<u32> {
    listed_children(parent).unwrap_or_else(|| {
        let is_child = |pid: &u32| Stat::read(*pid).is_some_and(|s| s.parent == parent);
        all().into_iter().filter(is_child).collect()
    })
}

/// As the kernel lists them, so that nobody else's processes are looked at; `None` where it does not
/// (before Linux 3.5, or built without it) and where they change all the time.
fn listed_children(parent: u32) -> Option<Vec<u32>> {
    const LOOKS: usize = 10;
    // A child that ends while the list is read may hide another one: two looks must agree.
    let mut before = None;
    for _ in 0..LOOKS {
        let now = Some(children_by_thread(parent)?);
        if now == before {
            return now;
        }
        before = now;
    }
    None
}

fn children_by_thread(parent: u32) -> Option<Vec<u32>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{parent}/task")).ok()? {
        match std::fs::read_to_string(thread.ok()?.path().join("children")) {
            Ok(listed) => {
                children.extend(listed.split_ascii_whitespace().flat_map(str::parse::<u32>));
            }
            // A thread that has just ended has none; where there is no such list at all, nobody has one.
            Err(_) if std::fs::exists("/proc/thread-self/children").unwrap_or(false) => {}
            Err(_) => return None,
        }
    }
    Some(children)
}

/// What is left of the process group that `leader` led, now that it has ended. A group keeps its
/// number, and nobody else gets it, as long as somebody is in it; where the number has a process
/// again, the group was another one.
#[must_use]
pub fn group_without(leader: u32) -> Vec<ProcessId> {
    let members = |pid: &u32| Stat::read(*pid).is_some_and(|stat| stat.group == leader);
    let left: Vec<u32> = all().into_iter().filter(members).collect();
    if ProcessId::of(leader).is_some() {
        return Vec::new();
    }
    left.into_iter().filter_map(ProcessId::of).collect()
}

/// Processor time that a process has used, with all that those of its children used which have ended and
/// were waited for; `None` when it has ended.
#[must_use]
pub fn processor_time(pid: u32) -> Option<Duration> {
    let ticks = Stat::read(pid)?.processor;
    #[expect(clippy::cast_precision_loss, reason = "nothing runs for that many ticks")]
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The pid of the parent of `pid`.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    Stat::read(pid).map(|stat| stat.parent)
}

/// The process group of `pid`.
#[must_use]
pub fn group(pid: u32) -> Option<u32> {
    Stat::read(pid).map(|stat| stat.group)
}

/// Whether a process belongs to a session whose leader has ended: what a daemon left behind does.
/// The session that a container was entered from has the number 0 in it, and nobody there can tell
/// whether its leader has ended: it counts as alive.
#[must_use]
pub fn outlives_its_session(pid: u32) -> bool {
    let session = Stat::read(pid).map(|stat| stat.session);
    session.is_some_and(|leader| leader != 0 && ProcessId::of(leader).is_none())
}

/// Whether a process has a terminal: somebody sits before it.
#[must_use]
pub fn has_terminal(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.has_terminal)
}

/// The command line of a process, its words joined by spaces.
#[must_use]
pub fn command_line(pid: u32) -> Option<String> {
    let mut words = words(pid);
    words.retain(|word| !word.is_empty());
    (!words.is_empty()).then(|| words.join(" "))
}

/// The words of a process's command line, its program's name first; none for one that has ended or
/// has no program.
#[must_use]
pub fn words(pid: u32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.strip_suffix(b"\0").unwrap_or(&bytes).split(|b| *b == 0);
    if bytes.is_empty() {
        return Vec::new();
    }
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The processes whose standard output is a file below one of `directories`, or was: also one that was
/// removed since. Those of other users cannot be seen.
#[must_use]
pub fn printing_below(directories: &[&Utf8Path]) -> Vec<ProcessId> {
    let prints_there = |pid: &u32| {
        let output = std::fs::read_link(format!("/proc/{pid}/fd/1"));
        output.is_ok_and(|output| directories.iter().any(|directory| output.starts_with(directory)))
            && shares_files(*pid)
    };
    all().into_iter().filter(prints_there).filter_map(ProcessId::of).collect()
}

/// The user by whom a process runs.
#[must_use]
pub fn user(pid: u32) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

/// Processes that work in `directory` or below, or whose command line names something below it:
/// those of other users only by their command line.
#[must_use]
pub fn users_of(directory: &Utf8Path) -> Vec<u32> {
    let below = format!("{directory}/");
    let works_there = |pid: u32| {
        let place = std::fs::read_link(format!("/proc/{pid}/cwd"));
        place.is_ok_and(|place| place.starts_with(directory))
    };
    let names_it = |pid: u32| command_line(pid).is_some_and(|line| line.contains(&below));
    let uses_it = |pid: &u32| (works_there(*pid) || names_it(*pid)) && shares_files(*pid);
    all().into_iter().filter(uses_it).collect()
}

/// The executable of a process, as it was started: ` (deleted)` follows the path of one that was
/// replaced since.
#[must_use]
pub fn executable(pid: u32) -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(std::fs::read_link(format!("/proc/{pid}/exe")).ok()?).ok()
}

/// The pids of all processes that can be seen.
#[must_use]
pub fn all() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process is not known to see other files than this one by the same names, as one in a container
/// does: what it says of paths is of no other meaning here then.
#[must_use]
pub fn shares_files(pid: u32) -> bool {
    match (root_of("self"), root_of(&pid.to_string())) {
        (Some(ours), Some(root)) => ours == root,
        // That of another user's process cannot be seen.
        _ => true,
    }
}

/// What tells the root directory of a process from others, where that may be asked.
fn root_of(pid: &str) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata(format!("/proc/{pid}/root/")).ok()?;
    Some((root.dev(), root.ino()))
}

/// What `/proc/PID/stat` says, as far as we ask.
struct Stat {
    state: char,
    parent: u32,
    group: u32,
    session: u32,
    has_terminal: bool,
    /// Ticks in user mode and in the kernel, its own and those of its children that ended.
    processor: u64,
    started: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is the program's name in parentheses and may hold anything, parentheses
    /// and spaces included: the fields that count come after the last `)`.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        // Fields 3 to 6 are taken; the terminal is field 7, times are 14 to 17, the start time 22.
        let has_terminal = fields.next()? != "0";
        let mut fields = fields.skip(14 - 8);
        let mut processor = 0;
        for _ in 14..=17 {
            processor += fields.next()?.parse::<u64>().ok()?;
        }
        let started = fields.nth(22 - 18)?.parse().ok()?;
        Some(Self { state, parent, group, session, has_terminal, processor, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "7 (a) b (c)) S 3 1 2 34816 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 987 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert!(
            stat.has_terminal && !Stat::parse(&text.replace("34816", "0")).unwrap().has_terminal
        );
        assert_eq!((stat.state, stat.parent, stat.group, stat.started), ('S', 3, 1, 987));
        assert_eq!((stat.session, stat.processor), (2, 10));
    }

    #[test]
    fn this_process_is_alive_and_its_pid_with_another_start_is_not() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        assert!(!ProcessId { started: me.started + 1, ..me }.is_alive());
        assert!(!me.wait_gone(Duration::ZERO));
        assert!(processor_time(me.pid).is_some() && processor_time(u32::MAX).is_none());
    }

    #[test]
    fn users_of_a_directory_work_in_it_or_name_something_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let place = dir.join("1");
        std::fs::create_dir(&place).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let shell = crate::CommandSpec::new("/bin/sh", &crate::GearEnv::new());
        let start = |name: &Utf8Path, cwd: &Utf8Path| {
            let command = shell.clone().args(["-c", "sleep 60; :", name.as_str()]).dir(cwd);
            crate::processes::run::service(&command, Vec::new(), &log).unwrap()
        };
        let (root, other) = (Utf8Path::new("/"), dir.join("10/x"));
        let mut children =
            [start(&place.join("x"), root), start(root, &place), start(&other, root)];
        let ids = children.each_ref().map(std::process::Child::id);
        let mut found = users_of(&place);
        found.retain(|pid| ids.contains(pid));
        for child in &mut children {
            ProcessId::of_child(child.id()).unwrap().signal_group(Signal::KILL);
            child.wait().unwrap();
        }
        found.sort_unstable();
        assert_eq!(found, ids[..2]);
        let none = || users_of(&place).is_empty().then_some(());
        assert!(wait::until(Duration::from_secs(20), none).is_some());
    }

    #[test]
    fn a_process_is_told_by_its_words_and_by_what_it_prints_to_even_when_that_was_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let script = ["-c", "read line; :", "a name", ""];
        let shell = crate::CommandSpec::new("/bin/sh", &crate::GearEnv::new()).args(script);
        let (input, keep) = std::io::pipe().unwrap();
        let mut child =
            crate::processes::run::reader(&shell, input.into(), Vec::new(), &log).unwrap();
        let id = ProcessId::of_child(child.id()).unwrap();
        assert_eq!(words(id.pid)[1..], script);
        assert_eq!(printing_below(&[&dir]), [id]);
        std::fs::remove_file(dir.join("log")).unwrap();
        assert_eq!(printing_below(&[&dir]), [id]);
        id.signal(Signal::STOP);
        let limit = Duration::from_secs(20);
        assert!(wait::until(limit, || is_stopped(id.pid).then_some(())).is_some());
        let end = end_of(id);
        id.signal(Signal::CONT);
        drop(keep);
        child.wait().unwrap();
        assert!(words(id.pid).is_empty() && end_of(id).is_none());
        // Before Linux 5.3 nothing tells.
        if let Some(end) = end {
            let mut ended = [PollFd::new(&end, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            assert_eq!(poll(&mut ended, Some(&now)), Ok(1));
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "services never lead a session, and setsid does")]
    fn a_process_outlives_its_session_from_the_end_of_its_leader() {
        use std::io::BufRead;
        use std::process::{Command, Stdio};
        let mut leader = Command::new("setsid")
            .args(["sh", "-c", "sleep 60 & echo $!; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = leader.stdout.take().unwrap();
        std::io::BufReader::new(output).read_line(&mut said).unwrap();
        let left: u32 = said.trim().parse().unwrap();
        assert!(!outlives_its_session(leader.id()) && !outlives_its_session(left));
        // Its next line is the end of its input.
        leader.wait().unwrap();
        let outlives = outlives_its_session(left);
        ProcessId::of(left).unwrap().signal(Signal::KILL);
        assert!(outlives);
    }

    #[test]
    fn nobody_has_a_pid_past_the_maximum() {
        assert_eq!(ProcessId::of(u32::MAX), None);
    }
}
