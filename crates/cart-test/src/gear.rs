//! A gear for one test: made, driven and destroyed as a node would.

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{GearEnv, files};
use cart_gear::build::BuildError;
use cart_gear::endpoint::Listen;
use cart_gear::output::HookOutput;
use cart_gear::{GearOnDisk, GearOptions, HookError, Silent, Throwaway};
use tempfile::TempDir;

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
    gear: Option<Throwaway>,
    address: SocketAddr,
    /// Removed after the gear.
    place: Option<TempDir>,
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
        let mut options = GearOptions::new(cartridge, "test");
        options.listen = Listen::At(SocketAddr::from(([127, 0, 0, 1], 0)));
        options.more_path = GearEnv::from_process().get("PATH").map(ToOwned::to_owned);
        let mut gear = Throwaway::create(options, parent).map_err(|e| e.to_string())?;
        for (name, value) in variables {
            gear.set_user_variable(name, value).map_err(|e| e.to_string())?;
        }
        gear.configure(version, &mut Silent).map_err(|e| e.to_string())?;
        let address = gear.visit().ok_or("the cartridge has no endpoint")?;
        Ok(Self { gear: Some(gear), address, place: None })
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
            Err(BuildError::Hook(error)) => outcome(Err(error)),
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
        self.gear.as_deref().unwrap_or_else(|| panic!("the gear is destroyed"))
    }

    fn gear_mut(&mut self) -> &mut Throwaway {
        self.gear.as_mut().unwrap_or_else(|| panic!("the gear is destroyed"))
    }
}

impl Drop for TestGear {
    fn drop(&mut self) {
        let destroyed = self.gear.take().map(|gear| gear.destroy(&mut Silent));
        // A second panic would hide the first.
        if !std::thread::panicking() {
            assert!(matches!(destroyed, Some(Ok(()))), "{destroyed:?}");
        }
    }
}

fn outcome(result: Result<HookOutput, HookError>) -> Outcome {
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
