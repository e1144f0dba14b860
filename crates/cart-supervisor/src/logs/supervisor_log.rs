//! What the supervisor says of its work, one line per event with its time.

use std::fmt::Display;
use std::fs::File;
use std::time::SystemTime;

use camino::Utf8Path;
use cart_core::LogLimits;
use cart_core::files::{self, FileError};

use crate::logs::rotating::RotatingFile;

/// Years of an app that is restarted every day, some days of one that crashes.
const LIMITS: LogLimits = LogLimits { size: 1 << 20, files: 3 };

/// The supervisor's log.
#[derive(Debug)]
pub(crate) struct Log {
    file: RotatingFile,
    /// Where processes that write the logs of services complain.
    pub(crate) errors: File,
}

impl Log {
    /// Opens the log at `path`.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, FileError> {
        let errors = files::open_log(path)?;
        Ok(Self { file: RotatingFile::new(path, LIMITS), errors })
    }

    /// The directory it is in.
    pub(crate) fn directory(&self) -> &Utf8Path {
        self.file.path().parent().unwrap_or(Utf8Path::new("/"))
    }

    /// Writes one line. A log that cannot be written (disk full) must not stop the services.
    pub(crate) fn line(&mut self, text: impl Display) {
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        let _ = self.file.append(&mut format!("{time} {text}\n").as_bytes());
    }
}
