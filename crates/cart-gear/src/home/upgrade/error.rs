//! What can go wrong with a newer version.

use camino::Utf8PathBuf;
use cart_core::files::FileError;

use crate::deploy::error::BuildError;
use crate::environment::endpoint::EndpointError;
use crate::home::lock::GearLockError;
use crate::layout::installed::{InstalledError, SourceError};
use crate::scripts::run::HookError;

/// An upgrade that was not brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// No cartridge.
    #[error("the gear has no cartridge")]
    None,
    /// A node would refuse the new version.
    #[error("nothing was changed, because a node would refuse {directory}:{errors}")]
    Refused {
        /// Its directory.
        directory: Utf8PathBuf,
        /// What is wrong, a line each.
        errors: String,
    },
    /// It is another cartridge.
    #[error(
        "nothing was changed, because {directory} is another cartridge: its {what} is {new}, and that of the gear's is {old}"
    )]
    Another {
        /// Its directory.
        directory: Utf8PathBuf,
        /// The element of the manifest.
        what: &'static str,
        /// Its value in the cartridge on the gear.
        old: String,
        /// Its value in the new one.
        new: String,
    },
    /// The new cartridge has not got the version of the software that the gear has.
    #[error(
        "nothing was changed, because {directory} does not offer version {version} of the software, which the gear has: it offers {known}"
    )]
    Software {
        /// Its directory.
        directory: Utf8PathBuf,
        /// The gear's version.
        version: String,
        /// What there is.
        known: String,
    },
    /// It is no cartridge at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The cartridge on the gear cannot be understood.
    #[error(transparent)]
    Installed(#[from] InstalledError),
    /// There is no address for an endpoint that is new.
    #[error("nothing was changed, because a new endpoint gets no address: {0}")]
    Endpoint(#[from] EndpointError),
    /// The addresses cannot be looked at.
    #[error(transparent)]
    Lock(#[from] GearLockError),
    /// A script failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// What a kill left could not be put right.
    #[error(transparent)]
    Recover(#[from] BuildError),
    /// Processes are left.
    #[error("these processes of the gear could not be ended: {pids}")]
    Survived {
        /// Their pids.
        pids: String,
    },
    /// It was started again and is not well.
    #[error(
        "the upgrade is done, but `control status` says neither \"running\" nor \"enabled\":\n{said}"
    )]
    Status {
        /// What it says.
        said: String,
    },
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}
