//! Building the two programs that the tasks need.

use std::fmt;

use camino::Utf8PathBuf;
use cart_core::run::{self, RunError};

use crate::workspace::Workspace;

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Built fast, runs slower.
    Dev,
    /// What a node gets.
    Release,
}

impl Profile {
    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "a development build; `cargo xtask dist` makes the one for nodes",
            Self::Release => "a release build",
        })
    }
}

/// What was built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The cartridge's one program.
    pub(crate) cartridge: Utf8PathBuf,
    /// The node's side.
    pub(crate) gear: Utf8PathBuf,
}

/// Builds both programs at once, which lets them share what they depend on.
pub(crate) fn programs(workspace: &Workspace, profile: Profile) -> Result<Programs, BuildError> {
    const PACKAGES: [&str; 9] = [
        "build",
        "-p",
        "cart-hooks",
        "--bin",
        "advanced-python",
        "-p",
        "cart-gear",
        "--bin",
        "gear",
    ];
    let mut command = workspace.cargo(&PACKAGES);
    if profile == Profile::Release {
        command = command.arg("--release");
    }
    run::foreground(&command)?;
    let directory = workspace.target.join(profile.directory());
    let built = |name: &str| {
        let path = directory.join(name);
        if path.is_file() { Ok(path) } else { Err(BuildError::Elsewhere { path }) }
    };
    Ok(Programs { cartridge: built("advanced-python")?, gear: built("gear")? })
}

/// A program that was not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Cargo(#[from] RunError),
    #[error(
        "cargo built no {path}: a configured build.target puts programs elsewhere; unset CARGO_BUILD_TARGET for this task"
    )]
    Elsewhere { path: Utf8PathBuf },
}
