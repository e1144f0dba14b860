//! The processes of a gear, by what they are there for, and what they did.

use std::time::Duration;

use cart_core::process::{self, ProcessId};

use crate::processes::SUPERVISORS;

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Supervisor,
    /// The writer of the app's log, or who stands in for it.
    Writer,
    NginxMaster,
    NginxWorker,
    Python,
    Other,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 6] = [
        Self::Supervisor,
        Self::Writer,
        Self::NginxMaster,
        Self::NginxWorker,
        Self::Python,
        Self::Other,
    ];

    /// That of a process; `None` when it has ended.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let words = process::words(pid);
        let program = process::executable(pid)?;
        Some(Self::told(&words, program.file_name().unwrap_or_default()))
    }

    fn told(words: &[String], program: &str) -> Self {
        let word = |nth: usize| words.get(nth).map_or("", String::as_str);
        match word(1) {
            first if SUPERVISORS.contains(&first) => Self::Supervisor,
            "write-log" | "guard" => Self::Writer,
            _ if word(0).starts_with("nginx: master") => Self::NginxMaster,
            _ if word(0).starts_with("nginx: worker") => Self::NginxWorker,
            _ if program.starts_with("python") => Self::Python,
            _ => Self::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Writer => "log writer",
            Self::NginxMaster => "nginx master",
            Self::NginxWorker => "nginx worker",
            Self::Python => "Python",
            Self::Other => "others",
        }
    }
}

/// What a process has done until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    /// How often its threads waited for something.
    pub(super) wakes: u64,
    /// Processor time of its threads.
    pub(super) used: Duration,
}

impl Activity {
    /// That of a process; `None` when it has ended.
    pub(super) fn of(process: ProcessId) -> Option<Self> {
        let mut all = Self { wakes: 0, used: Duration::ZERO };
        for task in std::fs::read_dir(format!("/proc/{}/task", process.pid)).ok()?.flatten() {
            // A thread may end meanwhile.
            let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
            all.wakes += waits(&read("status")).unwrap_or(0);
            all.used += used(&read("schedstat")).unwrap_or_default();
        }
        process.is_alive().then_some(all)
    }
}

fn waits(status: &str) -> Option<u64> {
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

fn used(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use cart_core::wait;

    use super::*;

    #[test]
    fn a_process_is_told_by_how_it_calls_itself() {
        let kind = |line: &str, program: &str| {
            let words: Vec<String> = line.split('|').map(str::to_owned).collect();
            Kind::told(&words, program)
        };
        assert_eq!(
            kind("/x/advanced-python|supervise|/x/run", "advanced-python"),
            Kind::Supervisor
        );
        assert_eq!(
            kind("/x/advanced-python|take-over|/x/run", "advanced-python"),
            Kind::Supervisor
        );
        assert_eq!(kind("/x/advanced-python|write-log|/x", "advanced-python"), Kind::Writer);
        assert_eq!(kind("nginx: master process /x/nginx -p /x", "nginx"), Kind::NginxMaster);
        assert_eq!(kind("nginx: worker process", "nginx"), Kind::NginxWorker);
        assert_eq!(kind("/x/virtenv/bin/python|serve_wsgiref.py", "python3.11"), Kind::Python);
        assert_eq!(kind("sh|-c|true", "dash"), Kind::Other);
    }

    #[test]
    fn who_waits_is_counted_and_who_is_left_alone_does_not() {
        assert_eq!(
            waits("a:\t1\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n"),
            Some(17)
        );
        assert_eq!(used("1500 20 3\n"), Some(Duration::from_nanos(1500)));
        let mut cat = cat_between_pipes();
        let process = ProcessId::of_child(cat.id()).unwrap();
        let (mut to, mut from) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        let waits = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
            stat.rsplit(") ").next()?.starts_with('S').then_some(())
        };
        let mut echo = || {
            to.write_all(b"x").unwrap();
            from.read_exact(&mut [0]).unwrap();
            wait::until(Duration::from_secs(60), waits).expect("cat waits for more");
        };
        echo();
        let before = Activity::of(process).unwrap();
        (0..20).for_each(|_| echo());
        let after = Activity::of(process).unwrap();
        assert!(
            after.wakes >= before.wakes + 20 && after.used >= before.used,
            "{before:?} {after:?}"
        );
        drop((to, from));
        cat.wait().unwrap();
        assert_eq!(Activity::of(process), None);
    }

    #[expect(clippy::disallowed_methods, reason = "it is to have pipes at both ends")]
    fn cat_between_pipes() -> std::process::Child {
        use std::process::{Command, Stdio};
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }
}
