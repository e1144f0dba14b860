//! Which processes belong to a gear, and ending them.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::wait;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};

/// Makes this process the parent of daemons whose own parent ends, so that they can be told by
/// parentage and reaped. For a program that drives one gear and does nothing else: from then on
/// [`Processes::reap`] takes in every ended child.
///
/// # Errors
/// What the system said.
pub fn adopt_orphans() -> io::Result<()> {
    // Any number but 0 switches it on.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// What the environment of a gear's process has.
const NAME: &[u8] = b"OPENSHIFT_GEAR_UUID=";

/// The processes of one gear.
#[derive(Clone, Debug)]
pub struct Processes {
    home: Utf8PathBuf,
    mark: Vec<u8>,
}

impl Processes {
    /// The processes of the gear `uuid` with this home, which has no symbolic link in its path.
    #[must_use]
    pub fn new(home: Utf8PathBuf, uuid: &str) -> Self {
        Self { home, mark: [NAME, uuid.as_bytes()].concat() }
    }

    /// All that run now. A process belongs to the gear when it was started with the gear's
    /// environment, when it works in the gear's home without a terminal (a person's shell may
    /// stand there), when a process of the gear started it, or when it is an orphan that this
    /// process adopted. This process and those that it descends from do not, and neither does one
    /// with the environment of another gear, wherever it works and whoever started it.
    #[must_use]
    pub fn alive(&self) -> Vec<ProcessId> {
        let me = std::process::id();
        let adopting = is_adopting();
        let ancestors = ancestors_of(me);
        let mut pids: Vec<u32> = process::all();
        pids.retain(|pid| *pid != me && !ancestors.contains(pid) && !self.is_of_another_gear(*pid));
        let mut known: Vec<u32> = pids
            .iter()
            .copied()
            .filter(|pid| self.marks(*pid) || (adopting && process::parent(*pid) == Some(me)))
            .collect();
        // Children of those, and theirs.
        loop {
            let more: Vec<u32> = pids
                .iter()
                .copied()
                .filter(|pid| !known.contains(pid))
                .filter(|pid| process::parent(*pid).is_some_and(|p| known.contains(&p)))
                .collect();
            if more.is_empty() {
                break;
            }
            known.extend(more);
        }
        known.into_iter().filter_map(ProcessId::of).collect()
    }

    /// Those of them that nobody waits for any more: daemons, but not what a person runs in the
    /// gear's environment. A node tells them by their parent, pid 1 (node-contract.md, control);
    /// on a machine with user managers of systemd, those take orphans in, too.
    #[must_use]
    pub fn orphans(&self) -> Vec<ProcessId> {
        let mut alive = self.alive();
        alive.retain(|id| process::parent(id.pid).is_some_and(takes_orphans_in));
        alive
    }

    /// Ends all of them: SIGTERM, and SIGKILL for those that run after `patience`. Answers those
    /// that run even then.
    #[must_use]
    pub fn end_all(&self, patience: Duration) -> Vec<ProcessId> {
        self.end(patience, || self.alive())
    }

    /// As [`end_all`](Self::end_all), for [`orphans`](Self::orphans).
    #[must_use]
    pub fn end_orphans(&self, patience: Duration) -> Vec<ProcessId> {
        self.end(patience, || self.orphans())
    }

    fn end(&self, patience: Duration, which: impl Fn() -> Vec<ProcessId>) -> Vec<ProcessId> {
        const AFTER_KILL: Duration = Duration::from_secs(5);
        for (signal, limit) in [(Signal::TERM, patience), (Signal::KILL, AFTER_KILL)] {
            let mut told: Vec<ProcessId> = Vec::new();
            // Looked for anew each time: an ending service may still start another.
            let gone = wait::until(limit, || {
                self.reap(None);
                let alive = which();
                for process in alive.iter().filter(|p| !told.contains(p)) {
                    process.signal(signal);
                }
                told.extend(&alive);
                alive.is_empty().then_some(())
            });
            if gone.is_some() {
                self.reap(None);
                return Vec::new();
            }
        }
        which()
    }

    /// Takes in ended children that were adopted, but not `running`, for which somebody else
    /// waits. Does nothing in a process that did not call [`adopt_orphans`].
    pub fn reap(&self, running: Option<u32>) {
        if !is_adopting() || !has_ended_child() {
            return;
        }
        for pid in process::children(std::process::id()) {
            if Some(pid) != running
                && ProcessId::of(pid).is_none()
                && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            {
                // Gone already: fine.
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    fn marks(&self, pid: u32) -> bool {
        gear_of(pid).is_some_and(|mark| mark == self.mark)
            || (self.works_at_home(pid) && !process::has_terminal(pid) && self.is_no_strangers(pid))
    }

    /// While a process becomes another program, neither its environment nor its words can be seen;
    /// it has both again at once, in an instant.
    fn is_no_strangers(&self, pid: u32) -> bool {
        let has_words = || (!process::words(pid).is_empty()).then_some(());
        let _ = wait::until(BECOMING_ANOTHER, has_words);
        !self.is_of_another_gear(pid)
    }

    fn is_of_another_gear(&self, pid: u32) -> bool {
        gear_of(pid).is_some_and(|mark| mark != self.mark)
    }

    fn works_at_home(&self, pid: u32) -> bool {
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|dir| Utf8Path::from_path(&dir).is_some_and(|d| d.starts_with(&self.home)))
            && process::shares_files(pid)
    }
}

/// How long it may take on a busy machine that a process becomes another program.
const BECOMING_ANOTHER: Duration = Duration::from_millis(200);

/// The variable that names the gear in whose environment a process was started.
fn gear_of(pid: u32) -> Option<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|b| *b == 0);
    variables.find(|v| v.starts_with(NAME)).map(<[u8]>::to_vec)
}

/// The processes from which this one descends.
fn ancestors_of(pid: u32) -> Vec<u32> {
    std::iter::successors(process::parent(pid), |pid| process::parent(*pid)).collect()
}

/// Whether a process is one that gets the children of those that end.
fn takes_orphans_in(pid: u32) -> bool {
    let name = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pid == 1 || pid == std::process::id() || name().trim_end() == "systemd"
}

fn is_adopting() -> bool {
    rustix::process::child_subreaper().is_ok_and(|on| on.is_some())
}

/// Spares a look at all processes while there is nothing to take in.
fn has_ended_child() -> bool {
    let only_look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::waitid(WaitId::All, only_look).is_ok_and(|ended| ended.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    use cart_core::{CommandSpec, GearEnv, run};

    const LIMIT: Duration = Duration::from_secs(20);

    fn home() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let home = path.canonicalize_utf8().unwrap();
        (dir, home)
    }

    fn start(env: &GearEnv, dir: &Utf8Path, script: &str) -> std::process::Child {
        let command = CommandSpec::new("/bin/sh", env).args(["-c", script]).dir(dir);
        run::piped(&command).unwrap()
    }

    #[test]
    fn environment_and_parentage_tell_who_belongs() {
        let (_keep, home) = home();
        let processes = Processes::new(home, "marked");
        let env =
            GearEnv::new().with("OPENSHIFT_GEAR_UUID", "marked").with("PATH", "/bin:/usr/bin");
        let mut marked = start(&env, "/".into(), "env -i /bin/sleep 60; :");
        let mut stranger = start(&GearEnv::new(), "/".into(), "exec /bin/sleep 60");
        // The shell and its child, whose own environment is empty.
        let both = wait::until(LIMIT, || (processes.alive().len() == 2).then_some(()));
        assert!(both.is_some(), "{:?}", processes.alive());
        let waiting = std::thread::spawn(move || marked.wait());
        assert_eq!(processes.end_all(LIMIT), []);
        waiting.join().unwrap().unwrap();
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn what_ignores_term_is_killed() {
        let (_keep, home) = home();
        let processes = Processes::new(home, "stubborn");
        let env =
            GearEnv::new().with("OPENSHIFT_GEAR_UUID", "stubborn").with("PATH", "/bin:/usr/bin");
        let script = "trap '' TERM; echo ready; while :; do sleep 1; done";
        let mut child = start(&env, "/".into(), script);
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let waiting = std::thread::spawn(move || child.wait());
        assert_eq!(processes.end_all(Duration::from_millis(200)), []);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn who_works_at_home_belongs_but_not_with_the_environment_of_another_gear() {
        let (_keep, home) = home();
        let processes = Processes::new(home.clone(), "mine");
        let mut here = start(&GearEnv::new(), &home, "exec /bin/sleep 60");
        let other = GearEnv::new().with("OPENSHIFT_GEAR_UUID", "other");
        let mut others = start(&other, &home, "exec /bin/sleep 60");
        let pid = here.id();
        let found = wait::until(LIMIT, || {
            let alive: Vec<u32> = processes.alive().iter().map(|process| process.pid).collect();
            (alive == [pid]).then_some(())
        });
        assert!(found.is_some(), "{:?}", processes.alive());
        assert!(processes.orphans().iter().all(|process| process.pid != others.id()));
        for child in [&mut here, &mut others] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
