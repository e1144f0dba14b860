//! What a command ends with when it fails: a message and an exit code. All codes stand here and in
//! the crate's README.

use cart_core::files::FileError;
use cart_core::run::RunError;
use cart_gear::{GearError, Kind};

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
}

impl From<GearError> for Failure {
    fn from(error: GearError) -> Self {
        let code = match error.kind() {
            Kind::Failed => FAILED,
            Kind::Wrong => USAGE,
            Kind::Busy => LOCKED,
            Kind::Interrupted => INTERRUPTED,
        };
        // What a script said of it has been shown as it came.
        Self { code, message: error.summary() }
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

    #[test]
    fn each_kind_of_error_has_its_code_and_its_words() {
        for (kind, code) in [
            (Kind::Failed, FAILED),
            (Kind::Wrong, USAGE),
            (Kind::Busy, LOCKED),
            (Kind::Interrupted, INTERRUPTED),
        ] {
            let failure = Failure::from(GearError::Other { kind, text: "why".to_owned() });
            assert_eq!((failure.code, failure.message.as_str()), (code, "why"));
        }
    }
}
