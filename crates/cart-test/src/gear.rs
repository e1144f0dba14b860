//! A gear for one test: made, driven and destroyed as a node would.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, programs, run, tree};
use cart_gear::{
    App, Conditions, GearError, GearHome, GearOnDisk, GearOptions, Silent, Throwaway, keep,
};
use cart_gear::{Deployment, HookOutput, Listen, Markers};
use tempfile::TempDir;

use crate::client::own_ip;

/// The name of the application.
const NAME: &str = "test";
/// How long a push may take, or the wait for a gear's lock.
const LIMIT: Duration = Duration::from_secs(600);

/// What came of a hook.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// What it said to people, without prefixes.
    pub text: String,
}

impl Outcome {
    /// Demands that the hook was done.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn done(&self) -> &Self {
        assert_eq!(self.code, 0, "{}", self.text);
        self
    }

    /// Demands that the hook failed and said all of `words`.
    ///
    /// # Panics
    /// When it was done, or did not say them.
    #[track_caller]
    pub fn failed_saying(&self, words: &[&str]) -> &Self {
        assert_ne!(self.code, 0, "it was done: {}", self.text);
        for word in words {
            assert!(self.text.contains(word), "{word:?} is not in: {}", self.text);
        }
        self
    }
}

/// A gear with one cartridge. Going out of scope, it is destroyed, and must leave no process.
#[derive(Debug)]
pub struct TestGear {
    gear: Option<Made>,
    address: SocketAddr,
    /// Removed after the gear; a directory of the caller's has none.
    place: Option<TempDir>,
}

/// How the gear was made.
#[derive(Debug)]
enum Made {
    Throwaway(Box<Throwaway>),
    Kept(GearHome, Box<GearOnDisk>),
}

impl Made {
    fn gear(&self) -> &GearOnDisk {
        match self {
            Self::Throwaway(gear) => gear,
            Self::Kept(_, gear) => gear,
        }
    }

    fn gear_mut(&mut self) -> &mut GearOnDisk {
        match self {
            Self::Throwaway(gear) => gear,
            Self::Kept(_, gear) => gear,
        }
    }

    fn destroy(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Throwaway(gear) => gear.destroy(&mut Silent)?,
            Self::Kept(home, gear) => {
                drop(gear);
                let conditions = Conditions::default();
                let interrupts = &conditions.interrupts;
                let held = home.lock(NAME, "a test's end", LIMIT, interrupts, &mut |_| ())?;
                home.destroy(&home.find(NAME)?, conditions, held, &mut Silent)?;
            }
        }
        Ok(())
    }
}

impl TestGear {
    /// A gear of `cartridge` on a free port of the loopback address, without an app. It is set up
    /// and installed, nothing runs yet. `variables` are the user's.
    ///
    /// # Panics
    /// When the cartridge could not be put on it.
    #[must_use]
    pub fn new(cartridge: &Utf8Path, version: &str, variables: &[(&str, &str)]) -> Self {
        Self::try_new(cartridge, version, variables).unwrap_or_else(|e| panic!("{e}"))
    }

    /// As [`new`](Self::new), for cartridges that will not do.
    ///
    /// # Errors
    /// What the cartridge said.
    pub fn try_new(
        cartridge: &Utf8Path,
        version: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self, String> {
        // A path short enough for unix sockets, whatever TMPDIR says.
        let place = TempDir::with_prefix_in("gears-", "/tmp").map_err(|e| e.to_string())?;
        let parent = Utf8Path::from_path(place.path()).ok_or("the path is not UTF-8")?;
        let mut gear = Self::try_new_in(parent, cartridge, version, variables)?;
        gear.place = Some(place);
        Ok(gear)
    }

    /// As [`try_new`](Self::try_new), in a directory of the caller's: a file system of its own, say.
    /// Sockets are made below it, so its path must be short.
    ///
    /// # Errors
    /// What the cartridge said.
    pub fn try_new_in(
        parent: &Utf8Path,
        cartridge: &Utf8Path,
        version: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut gear = Throwaway::create(options(cartridge), parent).map_err(|e| e.to_string())?;
        for (name, value) in variables {
            gear.set_user_variable(name, value).map_err(|e| e.to_string())?;
        }
        gear.configure(version, &mut Silent).map_err(|e| e.to_string())?;
        let address = gear.visit().ok_or("the cartridge has no endpoint")?;
        Ok(Self { gear: Some(Made::Throwaway(Box::new(gear))), address, place: None })
    }

    /// A gear that stays until the end of the test, with a git repository whose hooks call
    /// `program`, which is `gear`. `app` runs on it.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn kept(
        cartridge: &Utf8Path,
        version: &str,
        variables: &[(&str, &str)],
        app: &Utf8Path,
        program: &Utf8Path,
    ) -> Self {
        let made = || -> Result<Self, Box<dyn Error>> {
            let place = TempDir::with_prefix_in("gears-", "/tmp")?;
            let parent = Utf8Path::from_path(place.path()).ok_or("the path is not UTF-8")?;
            let home = GearHome::at(&parent.join("g"))?;
            let mut options = options(cartridge);
            options.keep_deployments = 3;
            options.program = Some(program.to_owned());
            let variables =
                variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let app = App {
                directory: Some(app.to_owned()),
                version: Some(version.to_owned()),
                variables,
                ..App::default()
            };
            let conditions = Conditions::default();
            let held = home.lock(NAME, "a test", LIMIT, &conditions.interrupts, &mut |_| ())?;
            let address = keep(&home, options, &app, held, &mut Silent)?;
            let gear = home.open(NAME, conditions)?;
            let address = address.ok_or("the cartridge has no endpoint")?;
            let gear = Some(Made::Kept(home, Box::new(gear)));
            Ok(Self { gear, address, place: Some(place) })
        };
        made().unwrap_or_else(|e| panic!("{e}"))
    }

    /// Commits what is in the directory `app` on top of what was pushed last, and pushes it with
    /// git; what the pusher reads is the text. Only to a gear that is [`kept`](Self::kept).
    ///
    /// # Panics
    /// When it does not come to the push.
    pub fn push(&self, app: &Utf8Path) -> Outcome {
        let clone = TempDir::new_in("/tmp").unwrap_or_else(|e| panic!("{e}"));
        let clone = Utf8Path::from_path(clone.path()).unwrap_or_else(|| panic!("not UTF-8"));
        let repository = self.gear().layout().repository(NAME);
        let person = person(clone);
        let git = programs::find("git", &person, &[]).unwrap_or_else(|e| panic!("{e}"));
        let git =
            |args: &[&str]| CommandSpec::new(&git, &person).args(args.iter().copied()).dir(clone);
        let done = |args: &[&str]| {
            run::checked(&git(args), LIMIT).unwrap_or_else(|e| panic!("{e}"));
        };
        done(&["clone", "--quiet", repository.as_str(), "."]);
        done(&["rm", "--quiet", "-r", "."]);
        tree::copy(app, clone, |_| false).unwrap_or_else(|e| panic!("{e}"));
        done(&["add", "--force", "--all"]);
        done(&["commit", "--quiet", "--allow-empty", "--message", "a change"]);
        let output = run::output(&git(&["push", "origin", "HEAD:master"]), LIMIT);
        let output = output.unwrap_or_else(|e| panic!("{e}"));
        Outcome { code: output.status.code().unwrap_or(-1), text: output.stderr_text() }
    }

    /// Runs `control deploy` as a node does in a push with the marker `hot_deploy`: while the app
    /// runs, and nothing is started afterwards.
    ///
    /// # Panics
    /// When the deployment that says so cannot be made.
    pub fn deploy_hot(&self) -> Outcome {
        let layout = self.gear().layout();
        let markers = Markers { hot_deploy: true, force_clean_build: false };
        let deployment = Deployment::begin(layout, markers, "master", None);
        let deployment = deployment.unwrap_or_else(|e| panic!("{e}"));
        let outcome = self.control("deploy");
        deployment.discard(layout).unwrap_or_else(|e| panic!("{e}"));
        outcome
    }

    /// The directory of the gears, for the program `gear`; none of a gear that does not stay.
    #[must_use]
    pub fn gear_home(&self) -> Option<&Utf8Path> {
        match &self.gear {
            Some(Made::Kept(home, _)) => Some(home.directory()),
            _ => None,
        }
    }

    /// Where it is reached.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app's code on the gear.
    #[must_use]
    pub fn repo(&self) -> Utf8PathBuf {
        self.gear().layout().repo()
    }

    /// The cartridge's directory on the gear.
    #[must_use]
    pub fn cartridge(&self) -> &Utf8Path {
        self.gear().cartridge().map_or(Utf8Path::new(""), |c| &c.directory)
    }

    /// Puts an app into the repository and builds and starts it, as on its creation.
    pub fn deploy(&mut self, app: &Utf8Path) -> Outcome {
        self.gear_mut().populate(app).unwrap_or_else(|e| panic!("{e}"));
        match self.gear_mut().build_and_deploy(&mut Silent) {
            Ok(()) => Outcome { code: 0, text: String::new() },
            Err(error) if error.code().is_some() || error.output().is_some() => outcome(Err(error)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `control ACTION`.
    pub fn control(&self, action: &str) -> Outcome {
        outcome(self.gear().control(action, &mut Silent))
    }

    /// Writes a file of the repository, directories included.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.repo().join(file);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).unwrap_or_else(|e| panic!("{directory}: {e}"));
        }
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Sets a variable of the user's.
    ///
    /// # Panics
    /// When it is not allowed.
    pub fn set(&self, name: &str, value: &str) {
        self.gear().set_user_variable(name, value).unwrap_or_else(|e| panic!("{e}"));
    }

    /// All that a log of the cartridge holds.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.cartridge().join("logs").join(name)).unwrap_or_default()
    }

    /// The gear itself.
    ///
    /// # Panics
    /// Never: it is there until the end.
    #[must_use]
    pub fn gear(&self) -> &GearOnDisk {
        self.gear.as_ref().unwrap_or_else(|| panic!("the gear is destroyed")).gear()
    }

    fn gear_mut(&mut self) -> &mut GearOnDisk {
        self.gear.as_mut().unwrap_or_else(|| panic!("the gear is destroyed")).gear_mut()
    }
}

/// Of a test that failed, its output shows this many of the last lines of each log.
const LAST_LINES: usize = 40;

impl TestGear {
    /// Prints what the logs say, for whoever has only the test's output.
    #[expect(clippy::print_stderr, reason = "the output of a failed test is where people look")]
    fn print_logs(&self) {
        let logs = self.cartridge().join("logs");
        for log in logs.read_dir_utf8().into_iter().flatten().flatten() {
            let bytes = std::fs::read(log.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let from = text.lines().count().saturating_sub(LAST_LINES);
            eprintln!("---- {}, last lines ----", log.file_name());
            text.lines().skip(from).for_each(|line| eprintln!("{line}"));
        }
    }
}

impl Drop for TestGear {
    fn drop(&mut self) {
        if std::thread::panicking() && self.gear.is_some() {
            self.print_logs();
        }
        let destroyed = self.gear.take().map(Made::destroy);
        // A second panic would hide the first.
        if !std::thread::panicking() {
            assert!(matches!(destroyed, Some(Ok(()))), "{destroyed:?}");
        }
    }
}

fn options(cartridge: &Utf8Path) -> GearOptions {
    let mut options = GearOptions::new(cartridge, NAME);
    options.listen = Listen::At(SocketAddr::from((own_ip(), 0)));
    options.more_path = GearEnv::from_process().get("PATH").map(ToOwned::to_owned);
    options
}

/// The environment of somebody who pushes.
fn person(home: &Utf8Path) -> GearEnv {
    let path = GearEnv::from_process().get("PATH").map(ToOwned::to_owned);
    let mut env = GearEnv::new().with("HOME", home.as_str());
    for who in ["AUTHOR", "COMMITTER"] {
        env.set(format!("GIT_{who}_NAME"), "A Person");
        env.set(format!("GIT_{who}_EMAIL"), "person@localhost");
    }
    env.set("PATH", path.unwrap_or_default());
    env
}

fn outcome(result: Result<HookOutput, GearError>) -> Outcome {
    let text = |output: &HookOutput| {
        output.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    };
    match result {
        Ok(output) => {
            assert!(!output.held_open, "a daemon kept the hook's output open");
            Outcome { code: 0, text: text(&output) }
        }
        Err(error) => Outcome {
            code: error.code().unwrap_or(-1),
            text: error.output().map_or_else(|| error.to_string(), text),
        },
    }
}
