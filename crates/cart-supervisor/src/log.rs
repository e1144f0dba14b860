//! What the supervisor says of its work, one line per event with its time.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::time::SystemTime;

/// The supervisor's log.
#[derive(Debug)]
pub(crate) struct Log(pub(crate) File);

impl Log {
    /// Writes one line. A log that cannot be written (disk full) must not stop the services.
    pub(crate) fn line(&mut self, text: impl Display) {
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        let _ = self.0.write_all(format!("{time} {text}\n").as_bytes());
    }
}
