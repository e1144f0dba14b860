//! Gears as a person has them: made and driven by the program `gear`, in a directory of their own.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv};
use cart_gear::{Conditions, GearHome, GearOnDisk};
use tempfile::TempDir;

use super::with::With;
use super::{Bench, Interrupted};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(300);

/// The gears of one directory, which go with this.
#[derive(Debug)]
pub(crate) struct Gears {
    program: Utf8PathBuf,
    cartridge: Utf8PathBuf,
    home: GearHome,
    env: GearEnv,
    /// Removed after the gears.
    _place: TempDir,
}

impl Gears {
    /// None yet.
    ///
    /// # Panics
    /// When the program is not where the cartridge's release put it, or there is no directory.
    #[must_use]
    pub(crate) fn new(bench: &Bench) -> Self {
        let program = bench.cartridge.with_file_name("gear");
        assert!(program.exists(), "{program} is missing: run `cargo xtask bench`, which makes it");
        // A path short enough for unix sockets, whatever TMPDIR says.
        let place = TempDir::with_prefix_in("gears-", "/tmp").unwrap();
        let home = GearHome::at(Utf8Path::from_path(place.path()).unwrap()).unwrap();
        let env = GearEnv::from_process().with("GEAR_HOME", home.directory().as_str());
        Self { program, cartridge: bench.cartridge.clone(), home, env, _place: place }
    }

    /// The directory.
    #[must_use]
    pub(crate) fn directory(&self) -> &Utf8Path {
        self.home.directory()
    }

    /// Makes a gear with an app, or with the cartridge's own where there is none; answers how long that
    /// took.
    ///
    /// # Errors
    /// [`Interrupted`] by somebody.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn create(
        &self,
        bench: &Bench,
        name: &str,
        app: Option<&Utf8Path>,
        variables: &[(&str, &str)],
    ) -> Result<Duration, Interrupted> {
        let mut words = vec!["create", name, "--cartridge", self.cartridge.as_str()];
        words.extend(app.iter().flat_map(|app| ["--from", app.as_str()]));
        let variables: Vec<String> = variables.iter().map(|(n, v)| format!("{n}={v}")).collect();
        words.extend(variables.iter().flat_map(|variable| ["--env", variable.as_str()]));
        self.run(bench, &words)
    }

    /// Runs `gear` with these words; answers how long that took.
    ///
    /// # Errors
    /// [`Interrupted`] by somebody.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn run(&self, bench: &Bench, words: &[&str]) -> Result<Duration, Interrupted> {
        let began = Instant::now();
        self.output(bench, words).map(|_| began.elapsed())
    }

    /// The same; answers what it printed.
    ///
    /// # Errors
    /// [`Interrupted`] by somebody.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn output(&self, bench: &Bench, words: &[&str]) -> Result<Output, Interrupted> {
        bench.done(&self.command(words), LIMIT)
    }

    /// A gear's address.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.opened(name).visit().unwrap()
    }

    /// A gear's code.
    #[must_use]
    pub(crate) fn code(&self, name: &str) -> Utf8PathBuf {
        self.opened(name).layout().repo()
    }

    /// A gear's git repository.
    #[must_use]
    pub(crate) fn repository(&self, name: &str) -> Utf8PathBuf {
        self.opened(name).layout().repository(name)
    }

    /// What a gear runs with, for the others to have the same.
    #[must_use]
    pub(crate) fn with(&self, name: &str) -> With {
        let gear = self.opened(name);
        With::of(&gear.cartridge().unwrap().directory, &gear.processes().alive())
    }

    /// The names of those that there are.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<String> {
        let gears = self.home.list().map(|listing| listing.gears).unwrap_or_default();
        gears.into_iter().map(|gear| gear.name).collect()
    }

    /// The processes of all gears.
    #[must_use]
    pub(crate) fn processes(&self) -> Vec<ProcessId> {
        let users = process::users_of(self.directory()).into_iter();
        users.filter_map(ProcessId::of).collect()
    }

    fn opened(&self, name: &str) -> GearOnDisk {
        self.home.open(name, Conditions::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    fn command(&self, words: &[&str]) -> CommandSpec {
        CommandSpec::new(&self.program, &self.env).args(words.iter().copied())
    }
}

/// Acts on each of these, so many at a time; answers what came of it in the order in which it came.
///
/// # Errors
/// [`Interrupted`] by somebody.
///
/// # Panics
/// When one fails.
pub(crate) fn at_once<'a>(
    names: &'a [String],
    at_a_time: usize,
    act: impl Fn(&'a str) -> Result<Option<Duration>, Interrupted> + Sync,
) -> Result<Vec<Duration>, Interrupted> {
    let waiting = Mutex::new(names.iter());
    let has_failed = AtomicBool::new(false);
    let next = || match has_failed.load(Ordering::Relaxed) {
        true => None,
        false => waiting.lock().ok()?.next(),
    };
    let work = || -> Result<Vec<Duration>, Interrupted> {
        let _told = ToldOfPanic(&has_failed);
        let mut took = Vec::new();
        while let Some(name) = next() {
            took.extend(act(name)?);
        }
        Ok(took)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|came| came.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).try_fold(
            Vec::new(),
            |mut all, came| {
                all.extend(came?);
                Ok(all)
            },
        )
    })
}

/// Tells the others when its thread panics: what they have not begun is not begun then.
struct ToldOfPanic<'a>(&'a AtomicBool);

impl Drop for ToldOfPanic<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

impl Drop for Gears {
    fn drop(&mut self) {
        let names = self.names();
        let destroyed = at_once(&names, 4, |name| {
            let output = run::output(&self.command(&["destroy", name, "--yes"]), LIMIT);
            let done = output.is_ok_and(|output| output.status.success());
            Ok(done.then_some(Duration::ZERO))
        });
        // A second panic would hide the first.
        if !std::thread::panicking() {
            let count = destroyed.map_or(0, |all| all.len());
            assert_eq!(count, names.len(), "not all gears in {} are destroyed", self.directory());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|nth| nth.to_string()).collect()
    }

    #[test]
    fn each_has_its_turn_and_no_more_than_so_many_at_a_time() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let took = at_once(&names(50), 3, |name| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            let nth: u64 = name.parse().unwrap();
            Ok((nth != 7).then_some(Duration::from_secs(nth)))
        });
        let mut took: Vec<u64> = took.unwrap().iter().map(Duration::as_secs).collect();
        took.sort_unstable();
        assert_eq!(took, (0..50).filter(|nth| *nth != 7).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 3);
    }

    #[test]
    fn after_a_panic_nothing_more_is_begun() {
        let begun = AtomicUsize::new(0);
        let act = |name: &str| {
            begun.fetch_add(1, Ordering::SeqCst);
            assert_ne!(name, "3", "this one fails");
            Ok(None)
        };
        let all = names(10);
        assert!(catch_unwind(AssertUnwindSafe(|| at_once(&all, 1, act))).is_err());
        assert_eq!(begun.load(Ordering::SeqCst), 4);
        assert_eq!(at_once(&all, 2, |_| Err(Interrupted)), Err(Interrupted));
    }
}
