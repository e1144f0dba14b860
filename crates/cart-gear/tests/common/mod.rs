//! What the test programs need: the recording cartridge, copies of it, and its records.

// Each program uses its own part of this.
#![allow(dead_code, reason = "shared by the test programs")]

pub(crate) mod clone;
pub(crate) mod gears;

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{GearEnv, files, tree};

/// A directory for one test, with a path short enough for gears.
pub(crate) struct Place {
    _keep: tempfile::TempDir,
    /// Where gears are made.
    pub(crate) gears: Utf8PathBuf,
    /// Where the cartridge records its calls.
    pub(crate) records: Utf8PathBuf,
    /// A copy of the cartridge, to be changed at will.
    pub(crate) cartridge: Utf8PathBuf,
    /// A copy of the app, to be changed at will.
    pub(crate) app: Utf8PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let place = Self {
            gears: root.join("g"),
            records: root.join("records"),
            cartridge: root.join("cartridge"),
            app: root.join("app"),
            _keep: dir,
        };
        files::create_dir(&place.gears, 0o755).unwrap();
        files::create_dir(&place.records, 0o755).unwrap();
        let fixtures = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        tree::copy(&fixtures.join("recorder"), &place.cartridge, |_| false).unwrap();
        tree::copy(&fixtures.join("app"), &place.app, |_| false).unwrap();
        place
    }

    /// The calls so far, `control start` and so on.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.records.join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What was recorded of a call: its `cwd`, `umask` or `env`.
    pub(crate) fn record(&self, call: &str, what: &str) -> String {
        let path = self.records.join(format!("{call}.{what}"));
        std::fs::read_to_string(path).unwrap().trim_end().to_owned()
    }

    /// A variable as a call saw it.
    pub(crate) fn saw(&self, call: &str, variable: &str) -> Option<String> {
        let prefix = format!("{variable}=");
        let env = self.record(call, "env");
        env.lines().find_map(|l| l.strip_prefix(&prefix)).map(str::to_owned)
    }

    /// Puts a script of the app's own into its repository.
    pub(crate) fn action_hook(&self, name: &str, script: &str, mode: u32) {
        let hooks = self.app.join(".openshift/action_hooks");
        std::fs::create_dir_all(&hooks).unwrap();
        files::write_atomic(&hooks.join(name), script.as_bytes(), mode).unwrap();
    }

    /// Puts a marker into the app's repository.
    pub(crate) fn marker(&self, name: &str) {
        let markers = self.app.join(".openshift/markers");
        std::fs::create_dir_all(&markers).unwrap();
        files::write_atomic(&markers.join(name), b"", 0o644).unwrap();
    }

    /// What is left in the directory for gears.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let entries = self.gears.read_dir_utf8().unwrap();
        entries.map(|e| e.unwrap().file_name().to_owned()).collect()
    }
}

/// The PATH of this process, on which python3 is.
pub(crate) fn path() -> std::ffi::OsString {
    GearEnv::from_process().get("PATH").unwrap_or_default().to_owned()
}

/// Processes whose command line or environment mentions `text`.
pub(crate) fn mentioning(text: &str) -> Vec<u32> {
    let mentions = |path: String| {
        let bytes = std::fs::read(Path::new(&path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    };
    cart_core::process::all()
        .into_iter()
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| cart_core::process::ProcessId::of(*pid).is_some())
        .filter(|pid| {
            mentions(format!("/proc/{pid}/cmdline")) || mentions(format!("/proc/{pid}/environ"))
        })
        .collect()
}
