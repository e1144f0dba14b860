//! What keeps something from being done with a gear.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use camino::Utf8PathBuf;
use cart_core::env::EnvError;
use cart_core::files::FileError;
use cart_core::manifest::ManifestError;
use cart_core::process::ProcessId;
use cart_core::run::{self, RunError};

use crate::layout::output::HookOutput;

/// Why something that was asked of a gear did not come about. What a script did is told apart, for that
/// is what a caller may know better how to show; of all else the [`Kind`] says what there is to do.
#[derive(Debug, thiserror::Error)]
pub enum GearError {
    /// A script is there, but not executable; a node would report exit code 126.
    #[error("{hook} cannot be run: {path} is not an executable file (chmod 755 it)")]
    NotExecutable {
        /// What a person calls it.
        hook: String,
        /// The file.
        path: Utf8PathBuf,
    },
    /// A script's lines end as on Windows.
    #[error(
        "{hook} cannot be run: the first line of {path} ends in a carriage return, as lines do on Windows. Write it with plain line feeds (`sed -i 's/\\r$//' FILE`; for git, `*.sh text eol=lf` in .gitattributes)"
    )]
    CarriageReturn {
        /// What a person calls it.
        hook: String,
        /// The file.
        path: Utf8PathBuf,
    },
    /// A script ended with another exit code than 0.
    #[error("{hook} ended with {}{}", run::status_text(*.status), explained(.output))]
    Failed {
        /// What a person calls it.
        hook: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: HookOutput,
    },
    /// A script took too long and was ended.
    #[error("{hook} did not end within {seconds} seconds and was ended{}", explained(.output))]
    TimedOut {
        /// What a person calls it.
        hook: String,
        /// The limit.
        seconds: u64,
        /// What it printed.
        output: HookOutput,
    },
    /// A program was not started, or ended badly.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// A variable is missing or wrong.
    #[error(transparent)]
    Variable(#[from] EnvError),
    /// A cartridge's manifest or its `managed_files.yml` is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A gear was not made after all: what there was of it is gone again.
    #[error("{}; the gear was removed{}", .0.summary(), .0.output().map_or_else(String::new, explained))]
    Removed(Box<GearError>),
    /// All else.
    #[error("{text}")]
    Other {
        /// What there is to do.
        kind: Kind,
        /// What is wrong, and the remedy.
        text: String,
    },
}

/// What whoever asked can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mend what the text says.
    Failed,
    /// Ask for something else: this is not there, or not allowed.
    Wrong,
    /// Wait: another command works on the gear, and went on for as long as this one waited.
    Busy,
    /// Nothing: somebody asked for an end.
    Interrupted,
}

impl GearError {
    /// Something failed.
    pub(crate) fn failed(text: impl ToString) -> Self {
        Self::Other { kind: Kind::Failed, text: text.to_string() }
    }

    /// What was asked for is not there, or not allowed.
    pub(crate) fn wrong(text: impl ToString) -> Self {
        Self::Other { kind: Kind::Wrong, text: text.to_string() }
    }

    /// Somebody asked for an end.
    pub(crate) fn interrupted(text: impl ToString) -> Self {
        Self::Other { kind: Kind::Interrupted, text: text.to_string() }
    }

    /// Unless there are no processes `left` of what is called `whose`.
    pub(crate) fn unless_gone(left: &[ProcessId], whose: &str) -> Result<(), Self> {
        if left.is_empty() {
            return Ok(());
        }
        let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
        let pids = pids.join(", ");
        Err(Self::failed(format!("these processes of {whose} could not be ended: {pids}")))
    }

    /// The same in other words.
    pub(crate) fn saying(&self, text: impl ToString) -> Self {
        Self::Other { kind: self.kind(), text: text.to_string() }
    }

    /// What there is to do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Other { kind, .. } => *kind,
            Self::Removed(why) => why.kind(),
            _ => Kind::Failed,
        }
    }

    /// Whether somebody asked for an end.
    #[must_use]
    pub fn is_interrupt(&self) -> bool {
        self.kind() == Kind::Interrupted
    }

    /// What a script printed, where one ran and failed.
    #[must_use]
    pub fn output(&self) -> Option<&HookOutput> {
        match self {
            Self::Failed { output, .. } | Self::TimedOut { output, .. } => Some(output),
            Self::Removed(why) => why.output(),
            _ => None,
        }
    }

    /// The exit code of a script, as a shell would tell it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::NotExecutable { .. } => Some(126),
            Self::CarriageReturn { .. } => Some(127),
            Self::Failed { status, .. } => {
                status.code().or_else(|| status.signal().map(|s| 128 + s))
            }
            Self::Removed(why) => why.code(),
            _ => None,
        }
    }

    /// The message without what a script printed, for those who showed that already.
    #[must_use]
    pub fn summary(&self) -> String {
        let text = self.to_string();
        match self.output() {
            // The header ends where the explanation begins.
            Some(output) => text.strip_suffix(&explained(output)).unwrap_or(&text).to_owned(),
            None => text,
        }
    }
}

fn explained(output: &HookOutput) -> String {
    match output.explanation() {
        text if text.is_empty() => String::new(),
        text => format!(":\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::output::{Line, Stream};

    #[test]
    fn other_words_leave_an_interrupt_one() {
        let interrupted = GearError::interrupted("control stop was interrupted");
        let said = interrupted.saying(format!("not restored: {interrupted}"));
        assert!(said.is_interrupt());
        assert_eq!(said.to_string(), "not restored: control stop was interrupted");
        let other = GearError::NotExecutable { hook: "control".to_owned(), path: "/c".into() };
        assert_eq!(other.saying("not restored").kind(), Kind::Failed);
    }

    #[test]
    fn a_summary_leaves_out_what_was_printed() {
        let lines = vec![Line::parse(Stream::Err, b"why")];
        let output = HookOutput { lines, held_open: false };
        let status = ExitStatus::from_raw(7 << 8);
        let error = GearError::Failed { hook: "bin/setup".to_owned(), status, output };
        assert_eq!(error.to_string(), format!("{}:\nwhy", error.summary()));
        assert_eq!(error.code(), Some(7));
        let removed = GearError::Removed(Box::new(error));
        assert_eq!(removed.summary(), "bin/setup ended with exit code 7; the gear was removed");
        assert_eq!(removed.to_string(), format!("{}:\nwhy", removed.summary()));
        assert_eq!(removed.code(), Some(7));
    }
}
