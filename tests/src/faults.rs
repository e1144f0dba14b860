//! Faults of the machine under a gear that serves: no room, no descriptor, no process. Some need a
//! place of their own, a small file system or another user: those are played by the program
//! `faults`, which an integration test starts there.

mod disk;
pub mod limit;
mod readonly;
mod user;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, process, run, wait};
use cart_test::{Outcome, TestGear, get};

use crate::processes::settled;

/// How long one hook may take, or a thing that is waited for.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Where a scenario is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// As root (or as who is root in a name space of its own), on a small file system that nobody
    /// else sees.
    SmallDisk,
    /// As a user who is not root and runs nothing else.
    OtherUser,
}

/// One fault.
#[derive(Debug)]
pub struct Scenario {
    /// How it is called.
    pub name: &'static str,
    /// Where it is played.
    pub place: Place,
    play: fn(&Stage, &TestGear),
}

/// All of them. Each leaves the gear as it found it: serving.
pub const SCENARIOS: &[Scenario] = &[
    disk("full-while-configuring", disk::full_while_configuring),
    disk("full-while-serving", disk::full_while_serving),
    disk("full-while-installing", disk::full_while_installing),
    disk("full-while-stopping", disk::full_while_stopping),
    disk("full-at-the-start", disk::full_at_the_start),
    disk("no-file-left", disk::no_file_left),
    disk("read-only", readonly::read_only),
    user("unwritable", user::unwritable),
    user("no-process-left", user::no_process_left),
    user("no-process-left-for-the-supervisor", user::no_process_left_for_the_supervisor),
];

const fn disk(name: &'static str, play: fn(&Stage, &TestGear)) -> Scenario {
    Scenario { name, place: Place::SmallDisk, play }
}

const fn user(name: &'static str, play: fn(&Stage, &TestGear)) -> Scenario {
    Scenario { name, place: Place::OtherUser, play }
}

/// What a scenario is played with.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The assembled cartridge.
    pub cartridge: Utf8PathBuf,
    /// The app that shows what reaches it.
    pub app: Utf8PathBuf,
    /// A directory of its own, on the small disk if there is one.
    pub place: Utf8PathBuf,
}

impl Stage {
    /// Plays all scenarios of a place on one gear, one after the other, and names each to `begun`.
    ///
    /// # Panics
    /// When something was not as it must be.
    pub fn play(&self, place: Place, begun: impl Fn(&str)) {
        let mut gear = self.try_gear().unwrap();
        gear.deploy(&self.app).done();
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.place == place) {
            begun(scenario.name);
            (scenario.play)(self, &gear);
            assert_eq!(get(gear.address(), "/").body, "mirror", "after {}", scenario.name);
            gear.control("status").done();
        }
    }

    /// A gear on which nothing runs yet, or why the cartridge could not be put on it.
    fn try_gear(&self) -> Result<TestGear, String> {
        TestGear::try_new_in(&self.place, &self.cartridge, "3", &[])
    }
}

/// What runs and what it was made from, as it was before a fault.
#[derive(Debug)]
pub struct Untouched {
    pid: String,
    conf: BTreeMap<Utf8PathBuf, Vec<u8>>,
    beside: Vec<Utf8PathBuf>,
}

impl Untouched {
    /// As it is now, once nothing of former generations is left: their end, in the middle of a fault,
    /// would change what there is room for, and what the supervisor writes.
    ///
    /// # Panics
    /// When they do not end.
    #[must_use]
    pub fn now(gear: &TestGear) -> Self {
        assert!(settled(gear, LIMIT), "old generations do not end");
        Self {
            pid: get(gear.address(), "/pid").body,
            conf: content(&gear.cartridge().join("conf")),
            beside: half_written(gear),
        }
    }

    /// Demands that the app answers as before, that it is the same one, that the configuration in
    /// place is the same, and that nothing was left half-written.
    ///
    /// # Panics
    /// When it is otherwise.
    #[track_caller]
    pub fn still(&self, gear: &TestGear) {
        assert_eq!(get(gear.address(), "/").body, "mirror");
        assert_eq!(get(gear.address(), "/pid").body, self.pid, "the app was replaced");
        assert!(content(&gear.cartridge().join("conf")) == self.conf, "conf/ was changed");
        self.nothing_left(gear);
    }

    /// Demands that nothing was left half-written. What the supervisor is just writing, on the end of
    /// a process, is not left.
    #[track_caller]
    fn nothing_left(&self, gear: &TestGear) {
        let _ = wait::until(LIMIT, || (half_written(gear) == self.beside).then_some(()));
        assert_eq!(half_written(gear), self.beside);
    }
}

/// Demands that a hook failed, said all of `words`, named no file twice in a line, and used no
/// words that a node misreads.
///
/// # Panics
/// When it is otherwise.
#[track_caller]
pub fn refused(outcome: &Outcome, words: &[&str]) {
    outcome.failed_saying(words);
    plain(&outcome.text);
}

/// Demands that a message names no file twice in a line and has no words that a node misreads, or
/// that only a programmer would understand.
///
/// # Panics
/// When it is otherwise.
#[track_caller]
pub fn plain(text: &str) {
    for word in ["Resource temporarily unavailable", "panicked", "Os {", "RUST_BACKTRACE"] {
        assert!(!text.contains(word), "{word:?} is in: {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with("  ")) {
        let ends = [' ', '"', '\'', '`', ':', ',', ')'];
        let mut paths: Vec<&str> =
            line.split(ends).filter(|word| word.starts_with("/") && word.len() > 1).collect();
        let all = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), all, "a file is named twice: {line}");
    }
}

/// Runs `control ACTION` by way of another program, which changes what it may do: `wrapper` is its
/// command line.
///
/// # Panics
/// When that program does not start.
#[must_use]
pub fn control_by(gear: &TestGear, wrapper: &[&str], action: &str) -> Outcome {
    let env = gear.gear().environment().unwrap();
    let command = CommandSpec::new(wrapper[0], &env)
        .args(wrapper[1..].iter().copied())
        .args(["bin/control", action])
        .dir(gear.cartridge());
    let output = run::output(&command, LIMIT).unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        text: format!("{}\n{}", output.stdout_text(), output.stderr_text()),
    }
}

/// How many processes and threads this user has.
#[must_use]
pub fn tasks_of_this_user() -> usize {
    let me = rustix::process::geteuid().as_raw();
    let owned = |pid: &u32| {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|metadata| metadata.uid() == me)
    };
    let threads =
        |pid: u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    process::all().into_iter().filter(owned).map(threads).sum()
}

/// Every file below a directory.
fn content(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Everything that is written before it is put in place, wherever hooks write.
fn half_written(gear: &TestGear) -> Vec<Utf8PathBuf> {
    let cartridge = gear.cartridge();
    let mut places = vec![cartridge.to_owned()];
    places.extend(["conf", "run", "logs", "env"].map(|name| cartridge.join(name)));
    places.extend(
        cartridge
            .join("virtenv")
            .canonicalize_utf8()
            .ok()
            .and_then(|environment| environment.parent().map(ToOwned::to_owned)),
    );
    let names = places.iter().flat_map(|place| place.read_dir_utf8().unwrap());
    let mut found: Vec<Utf8PathBuf> = names
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| {
            let name = path.file_name().unwrap();
            name.starts_with('.') || name.ends_with(".new") || name.ends_with(".next")
        })
        .collect();
    found.sort();
    found
}
