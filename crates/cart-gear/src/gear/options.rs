//! What a gear is to be, and what those who work on one bring along.

use std::ffi::OsString;
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::GearEnv;

use crate::environment::endpoint::Listen;
use crate::scripts::progress::Interrupts;

/// What a gear is to be.
#[derive(Clone, Debug)]
pub struct GearOptions {
    /// The cartridge's directory, as its author delivers it.
    pub cartridge: Utf8PathBuf,
    /// The application's name: letters and digits.
    pub name: String,
    /// Where the app is to be reached.
    pub listen: Listen,
    /// Directories that come after those of the node in `PATH`, colon-separated.
    pub more_path: Option<OsString>,
    /// How many deployments it keeps, the current one included; a node keeps one by default.
    pub keep_deployments: u32,
    /// The program `gear`, which a push to the gear calls; a gear that stays gets a repository if
    /// this is named.
    pub program: Option<Utf8PathBuf>,
    /// What the one who makes it brings along.
    pub conditions: Conditions,
}

/// What somebody who works on a gear brings along; the gear does not remember it.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What the machine gives to every gear, as a node's `/etc/openshift/env` does.
    pub node: GearEnv,
    /// How long one script may take; a node gives an hour under `git push` (node-contract.md,
    /// Running scripts).
    pub limit: Duration,
    /// Asked for while a script runs.
    pub interrupts: Interrupts,
}

impl Default for Conditions {
    /// Nothing from the machine, an hour, and nobody interrupts.
    fn default() -> Self {
        Self {
            node: GearEnv::new(),
            limit: Duration::from_secs(3600),
            interrupts: Interrupts::default(),
        }
    }
}

impl GearOptions {
    /// A gear of `cartridge` for the application `name` that listens where nobody else does and
    /// gets nothing from the machine.
    #[must_use]
    pub fn new(cartridge: impl Into<Utf8PathBuf>, name: &str) -> Self {
        Self {
            cartridge: cartridge.into(),
            name: name.to_owned(),
            listen: Listen::Anywhere,
            more_path: None,
            keep_deployments: 1,
            program: None,
            conditions: Conditions::default(),
        }
    }
}
