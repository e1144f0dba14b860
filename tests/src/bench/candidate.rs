//! Something that answers requests, and the processes that it takes.

use std::net::SocketAddr;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::process::tree::Memory;
use cart_core::process::{self, ProcessId};
use cart_core::wait;
use cart_test::{TestGear, WebSocket, try_get};
use tempfile::TempDir;

use super::load::Asked;
use super::peer::Peer;
use super::with::{With, is_nginx};

/// The server without anything in front of it.
pub(crate) const BARE: &str = "bare";
/// An nginx tuned by hand, which is what all others are compared with.
pub(crate) const TUNED: &str = "tuned nginx";
/// The original's nginx.
pub(crate) const ORIGINAL: &str = "original's nginx";
/// Apache with mod_wsgi, with the settings of `OpenShift`'s own Python cartridge.
pub(crate) const APACHE: &str = "Apache + mod_wsgi";
/// A gear with our cartridge, with as many workers as the others.
pub(crate) const OURS: &str = "ours";
/// The same with as many workers as it has when nobody says how many.
pub(crate) const OURS_BY_DEFAULT: &str = "ours by default";

/// How long one may take until it answers.
const LIMIT: Duration = Duration::from_secs(90);

/// One of those that are compared.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// How it is called, the same in each contest.
    pub(crate) name: &'static str,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    runs: Runs,
}

#[derive(Debug)]
enum Runs {
    Gear(Box<TestGear>),
    /// With the directory of their files, which goes after them, and with what is another's: an app.
    Peers(Vec<Peer>, TempDir, Vec<ProcessId>),
}

/// What processes have used until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Processor time of nginx.
    pub(crate) nginx: Duration,
    /// Processor time of everything else.
    pub(crate) rest: Duration,
}

impl Candidate {
    /// A gear of `cartridge` on which `app` runs with these variables.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub(crate) fn ours(
        name: &'static str,
        cartridge: &Utf8Path,
        app: &Utf8Path,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut gear = TestGear::new(cartridge, "3", variables);
        gear.deploy(app).done();
        Self { name, address: gear.address(), runs: Runs::Gear(Box::new(gear)) }
    }

    /// Programs that `start` starts, in a directory for their files.
    ///
    /// # Panics
    /// When there is no such directory.
    #[must_use]
    pub(crate) fn others(
        name: &'static str,
        address: SocketAddr,
        start: impl FnOnce(&Utf8Path) -> Vec<Peer>,
    ) -> Self {
        // A path short enough for unix sockets, whatever TMPDIR says.
        let place = TempDir::with_prefix_in("bench-", "/tmp").unwrap();
        let peers = start(Utf8Path::from_path(place.path()).unwrap());
        Self { name, address, runs: Runs::Peers(peers, place, Vec::new()) }
    }

    /// The same with processes of another candidate that serve this one, too.
    #[must_use]
    pub(crate) fn served_by(mut self, processes: Vec<ProcessId>) -> Self {
        if let Runs::Peers(_, _, shared) = &mut self.runs {
            *shared = processes;
        }
        self
    }

    /// What our gear runs with, for the others to have the same.
    ///
    /// # Panics
    /// When it is none of ours.
    #[must_use]
    pub(crate) fn with(&self) -> With {
        With::of(self.gear().cartridge(), &self.processes())
    }

    /// Waits until it gives the right answer.
    ///
    /// # Panics
    /// When it does not in time, or gives another.
    pub(crate) fn answers(&self, asked: &Asked, length: usize) {
        // Before an echo can be asked for, something else must be answered.
        let path = if matches!(asked, Asked::Echo(_)) { "/".to_owned() } else { asked.first() };
        let mut last = String::new();
        let answered = wait::until(LIMIT, || match try_get(self.address, &path) {
            Ok(answer) if answer.status == 200 => Some(Some(answer.body.len())),
            other => {
                last = format!("{other:?}");
                self.has_ended().then_some(None)
            }
        });
        let told = || format!("{}: {path}: {last}\n{}", self.name, self.logs());
        let came = answered.flatten().unwrap_or_else(|| panic!("{}", told()));
        if let Asked::Echo(path) = asked {
            let text = "m".repeat(length);
            assert_eq!(WebSocket::open(self.address, path).exchange(&text), text, "{}", self.name);
        } else {
            assert_eq!(came, length, "{}", told());
        }
    }

    /// Whether a program of it has ended by itself, so that nothing will come any more.
    fn has_ended(&self) -> bool {
        matches!(&self.runs, Runs::Peers(peers, ..) if peers.iter().any(|peer| !peer.is_alive()))
    }

    /// All of its processes.
    #[must_use]
    pub(crate) fn processes(&self) -> Vec<ProcessId> {
        match &self.runs {
            Runs::Gear(gear) => gear.gear().processes().alive(),
            Runs::Peers(peers, _, shared) => {
                peers.iter().flat_map(Peer::processes).chain(shared.iter().copied()).collect()
            }
        }
    }

    /// What its processes have used until now.
    #[must_use]
    pub(crate) fn used(&self) -> Used {
        self.processes().into_iter().fold(Used::default(), |mut used, process| {
            let time = process::processor_time(process.pid).unwrap_or_default();
            let is_nginx = process::executable(process.pid).as_ref().is_some_and(is_nginx);
            *(if is_nginx { &mut used.nginx } else { &mut used.rest }) += time;
            used
        })
    }

    /// The memory that its processes have for themselves, with their part of what they share.
    #[must_use]
    pub(crate) fn memory(&self) -> u64 {
        let memory = Memory::sum(self.processes().iter().filter_map(|p| Memory::of(p.pid)));
        memory.fair_share.unwrap_or(memory.resident)
    }

    /// The gear that it is.
    ///
    /// # Panics
    /// When it is none of ours.
    #[must_use]
    pub(crate) fn gear(&self) -> &TestGear {
        let Runs::Gear(gear) = &self.runs else { panic!("{} is no gear", self.name) };
        gear
    }

    /// What the others printed; a gear prints its own logs when it ends in a panic.
    fn logs(&self) -> String {
        let Runs::Peers(_, place, _) = &self.runs else { return String::new() };
        let files = std::fs::read_dir(place.path()).into_iter().flatten().flatten();
        let logs = files.map(|file| file.path()).filter(|path| {
            path.extension().is_some_and(|extension| extension == "out" || extension == "log")
        });
        logs.filter_map(|log| std::fs::read_to_string(log).ok()).collect()
    }
}
