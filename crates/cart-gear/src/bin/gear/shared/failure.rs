//! What a command ends with when it fails: a message and an exit code. All codes stand here and in
//! the crate's README.

use cart_core::files::FileError;
use cart_core::run::RunError;
use cart_gear::{
    ActivateError, BringUpError, BuildError, CreateError, DeployError, DestroyError, FindError,
    GearHomeError, GearLockError, HookError, KeepError, OperationError, ReceiveError, ServeError,
    UserVariableError,
};

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

    /// Somebody asked for an end.
    pub(crate) fn interrupted(message: impl ToString) -> Self {
        Self { code: INTERRUPTED, message: message.to_string() }
    }

    /// A script failed, and `message` says more than that.
    pub(crate) fn of_script(script: &HookError, message: impl ToString) -> Self {
        match script {
            HookError::Interrupted { .. } => Self::interrupted(message),
            _ => Self::new(message),
        }
    }

    /// As [`of_script`](Self::of_script), if it was one.
    pub(crate) fn of_build(build: &BuildError, message: impl ToString) -> Self {
        match build {
            BuildError::Hook(script) => Self::of_script(script, message),
            _ => Self::new(message),
        }
    }
}

impl From<HookError> for Failure {
    fn from(error: HookError) -> Self {
        // What the script said of it has been shown as it came.
        Self::of_script(&error, error.summary())
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
        let message = error.to_string();
        match error {
            // The words of the scripts may name files of the gear, logs for example.
            KeepError::BringUp(error) if !matches!(error, BringUpError::Interrupted) => {
                let failure = Self::from(error);
                Self { message: format!("{}; the gear was removed", failure.message), ..failure }
            }
            KeepError::BringUp(error) => error.into(),
            KeepError::Create(CreateError::Lock(error)) => error.into(),
            KeepError::Left { error, .. } => Self { message, ..Self::from(*error) },
            _ => Self::new(message),
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
            GearLockError::Foreign(_) => Self::new(error),
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

#[cfg(test)]
mod tests {
    use super::*;
    use cart_gear::{FindError, Leftover, RestoreError, SnapshotError, UpgradeError};

    fn interrupt() -> HookError {
        HookError::Interrupted { hook: "control stop".to_owned() }
    }

    fn build() -> BuildError {
        BuildError::Hook(interrupt())
    }

    #[test]
    fn an_interrupt_has_its_code_wherever_it_came() {
        let left = Leftover::Find(FindError::Unfinished { name: "blog".to_owned() });
        let interrupted = Box::new(KeepError::BringUp(BringUpError::Interrupted));
        let failures = [
            Failure::from(interrupt()),
            Failure::from(RestoreError::Before(interrupt())),
            Failure::from(RestoreError::Afterwards(build())),
            Failure::from(RestoreError::Recover(build())),
            Failure::from(SnapshotError::NotStarted(interrupt())),
            Failure::from(SnapshotError::Recover(build())),
            Failure::from(UpgradeError::Recover(build())),
            Failure::from(KeepError::Left { error: interrupted, left }),
        ];
        assert!(failures.iter().all(|failure| failure.code == INTERRUPTED), "{failures:?}");
        assert!(failures[7].message.contains("left behind"), "{:?}", failures[7]);
        let other = HookError::NotExecutable { hook: "control".to_owned(), path: "/c".into() };
        let other = Failure::from(RestoreError::Before(other));
        assert_eq!(other.code, FAILED);
    }
}
