//! The program `gear` with a directory for its gears, which are destroyed in the end.

use std::net::TcpListener;
use std::process::Child;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::run::Output;
use cart_core::{CommandSpec, GearEnv, files, run, wait};

use super::{Place, path};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A place whose gears stay until the end of the test.
pub(crate) struct Gears {
    pub(crate) place: Place,
    pub(crate) env: GearEnv,
}

impl Gears {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        // Tests that run at the same time use other ports.
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        let path_of = place.cartridge.join("metadata/manifest.yml");
        let manifest = std::fs::read_to_string(&path_of).unwrap();
        let manifest = manifest.replace("18080", &port.to_string());
        files::write_atomic(&path_of, manifest.as_bytes(), 0o644).unwrap();
        let env = GearEnv::new()
            .with("PATH", path())
            .with("GEAR_HOME", place.gears.as_str())
            .with("TERM", "dumb")
            .with("LEAKED", "no");
        Self { place, env }
    }

    pub(crate) fn command(&self, args: &[&str]) -> CommandSpec {
        CommandSpec::new(env!("CARGO_BIN_EXE_gear"), &self.env).args(args.iter().copied())
    }

    /// Runs `gear` to its end.
    pub(crate) fn gear(&self, args: &[&str]) -> Ended {
        Ended(run::output(&self.command(args), LIMIT).unwrap())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        run::piped(&self.command(args)).unwrap()
    }

    /// `gear create NAME` with what the recording cartridge needs.
    pub(crate) fn create_args<'a>(&'a self, name: &'a str, record: &'a str) -> Vec<&'a str> {
        vec!["create", name, "--cartridge", self.place.cartridge.as_str(), "--env", record]
    }

    pub(crate) fn record_to(&self) -> String {
        format!("RECORD_TO={}", self.place.records)
    }

    /// A gear with the app; answers its URL.
    pub(crate) fn create(&self, name: &str) -> String {
        let record = self.record_to();
        let mut args = self.create_args(name, &record);
        args.extend(["--from", self.place.app.as_str()]);
        let said = self.gear(&args).done();
        said.strip_prefix(&format!("{name} is at ")).unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.gear(args).done()).unwrap()
    }

    /// Where a gear is.
    pub(crate) fn home(&self, name: &str) -> Utf8PathBuf {
        self.place.gears.join(name)
    }

    /// The deployments that a gear keeps, the newest first.
    pub(crate) fn deployments(&self, name: &str) -> Vec<serde_json::Value> {
        self.json(&["deployments", name, "--json"]).as_array().unwrap().clone()
    }

    pub(crate) fn state(&self, name: &str) -> String {
        self.json(&["status", name, "--json"])["state"].as_str().unwrap().to_owned()
    }

    /// Lets what waits at `BLOCK_AT` go on.
    pub(crate) fn go(&self) {
        files::write_atomic(&self.place.records.join("go"), b"", 0o644).unwrap();
    }

    /// Waits until the cartridge was called so.
    #[track_caller]
    pub(crate) fn called(&self, call: &str) {
        self.called_after(0, call);
    }

    /// Waits until the cartridge was called so after its first `known` calls.
    #[track_caller]
    pub(crate) fn called_after(&self, known: usize, call: &str) {
        let seen = || self.place.calls()[known..].iter().any(|c| c == call).then_some(());
        assert!(wait::until(LIMIT, seen).is_some(), "{call}: {:?}", self.place.calls());
    }
}

impl Drop for Gears {
    fn drop(&mut self) {
        for name in self.place.left_behind() {
            let _ = run::output(&self.command(&["destroy", &name, "--yes"]), LIMIT);
        }
    }
}

/// What came of a call of `gear`.
pub(crate) struct Ended(Output);

impl Ended {
    pub(crate) fn out(&self) -> String {
        self.0.stdout_text()
    }

    pub(crate) fn err(&self) -> String {
        self.0.stderr_text()
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// Demands success; answers standard output.
    #[track_caller]
    pub(crate) fn done(&self) -> String {
        assert_eq!(self.code(), Some(0), "{}\n{}", self.out(), self.err());
        self.out()
    }

    /// Demands this exit code; answers standard error.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> String {
        assert_eq!(self.code(), Some(code), "{}\n{}", self.out(), self.err());
        self.err()
    }
}

/// The page, once the server that was started just now answers.
pub(crate) fn page(url: &str) -> String {
    wait::until(LIMIT, || get(url)).unwrap_or_else(|| panic!("{url} does not answer"))
}

pub(crate) fn get(url: &str) -> Option<String> {
    let mut response = ureq::get(url).call().ok()?;
    response.body_mut().read_to_string().ok()
}

/// What is at `url` once there is something: the recording cartridge does not wait for its server.
#[track_caller]
pub(crate) fn answer(url: &str) -> String {
    wait::until(LIMIT, || get(url)).unwrap_or_else(|| panic!("{url} does not answer"))
}
