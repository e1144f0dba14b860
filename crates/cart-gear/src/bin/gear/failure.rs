//! What a command ends with when it fails: a message and an exit code. All codes stand here and in
//! the crate's README.

use cart_core::files::FileError;
use cart_core::run::RunError;
use cart_gear::activate::ActivateError;
use cart_gear::build::BuildError;
use cart_gear::deploy::DeployError;
use cart_gear::gear_home::{FindError, GearHomeError};
use cart_gear::gear_lock::GearLockError;
use cart_gear::lifecycle::DestroyError;
use cart_gear::operations::OperationError;
use cart_gear::receive::ReceiveError;
use cart_gear::serve::ServeError;
use cart_gear::user_variables::UserVariableError;
use cart_gear::{BringUpError, HookError, KeepError};

/// Something failed; the message says what.
pub(crate) const FAILED: u8 = 1;
/// The arguments are wrong, or there is no gear of this name.
pub(crate) const USAGE: u8 = 2;
/// Another command worked on the gear for longer than this one waited.
pub(crate) const LOCKED: u8 = 6;
/// Interrupted before it was done, as a shell says it of Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl ToString) -> Self {
        Self { code: FAILED, message: message.to_string() }
    }

    /// It was called wrongly.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { code: USAGE, message: message.to_string() }
    }

    /// Something failed, and the answer says what.
    pub(crate) fn silent() -> Self {
        Self::new("")
    }

    fn interrupted(message: impl ToString) -> Self {
        Self { code: INTERRUPTED, message: message.to_string() }
    }
}

impl From<HookError> for Failure {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Interrupted { .. } => Self::interrupted(error),
            // What the script said of it has been shown as it came.
            _ => Self::new(error.summary()),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Hook(error) => error.into(),
            BuildError::File(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Build(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Build(error) => error.into(),
            DeployError::Unknown { .. } => Self::usage(error),
            other => Self::new(other),
        }
    }
}

impl From<ActivateError> for Failure {
    fn from(error: ActivateError) -> Self {
        match error {
            ActivateError::Build(error) => error.into(),
            ActivateError::Choose(error) => Self::usage(error),
            other => Self::new(other),
        }
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Hook(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<BringUpError> for Failure {
    fn from(error: BringUpError) -> Self {
        match &error {
            BringUpError::Interrupted => {
                Self::interrupted(format!("{error}; everything was removed"))
            }
            _ => Self::new(error.hook().map_or_else(|| error.to_string(), HookError::summary)),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::BringUp(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        match error {
            // The words of the scripts may name files of the gear, logs for example.
            KeepError::BringUp(error) if !matches!(error, BringUpError::Interrupted) => {
                let failure = Self::from(error);
                Self { message: format!("{}; the gear was removed", failure.message), ..failure }
            }
            KeepError::BringUp(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Unknown { .. } => Self::usage(error),
            other => Self::new(other),
        }
    }
}

impl From<GearLockError> for Failure {
    fn from(error: GearLockError) -> Self {
        match error {
            GearLockError::Held { .. } => Self { code: LOCKED, message: error.to_string() },
            GearLockError::Interrupted => Self::interrupted(error),
            GearLockError::File(error) => error.into(),
        }
    }
}

impl From<UserVariableError> for Failure {
    fn from(error: UserVariableError) -> Self {
        match error {
            UserVariableError::File(error) => error.into(),
            wrong => Self::usage(wrong),
        }
    }
}

impl From<GearHomeError> for Failure {
    fn from(error: GearHomeError) -> Self {
        Self::new(error)
    }
}

impl From<DestroyError> for Failure {
    fn from(error: DestroyError) -> Self {
        Self::new(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(error)
    }
}
