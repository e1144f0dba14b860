//! The contents of originals, which may change under our hands.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::precompressed::left_out::Reason;

/// A file that nginx answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::precompressed) struct Found {
    /// Where it is.
    pub(in crate::precompressed) file: Utf8PathBuf,
    pub(in crate::precompressed) state: State,
}

/// By what is told whether a file is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::precompressed) struct State {
    /// The directory of the source that has it.
    pub(in crate::precompressed) source: Utf8PathBuf,
    /// In bytes.
    pub(in crate::precompressed) size: u64,
    /// When it was changed, as archives and `touch` say, too; in nanoseconds since 1970.
    pub(in crate::precompressed) mtime: i64,
    /// When it was changed in any way, in nanoseconds since 1970. Unpacked archives may give every version
    /// of a file the same time.
    pub(in crate::precompressed) ctime: i64,
}

impl State {
    /// As the system says it.
    pub(in crate::precompressed) fn of(source: &Utf8Path, metadata: &Metadata) -> Self {
        let (size, mtime, ctime) = (metadata.len(), mtime(metadata), ctime(metadata));
        Self { source: source.to_owned(), size, mtime, ctime }
    }
}

/// Reads an original that is still as it was found.
pub(in crate::precompressed) fn read(found: &Found) -> Result<Vec<u8>, Reason> {
    let size = found.state.size;
    let unreadable = |_: io::Error| Reason::Unreadable;
    // What is a pipe by now is not waited for.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file =
        OpenOptions::new().read(true).custom_flags(flags).open(&found.file).map_err(unreadable)?;
    let unchanged = |file: &File| {
        let now = file.metadata().map_err(unreadable)?;
        let same = now.is_file() && now.len() == size && ctime(&now) == found.state.ctime;
        if same { Ok(()) } else { Err(Reason::Changing) }
    };
    unchanged(&file)?;
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    Read::take(&mut file, size + 1).read_to_end(&mut content).map_err(unreadable)?;
    unchanged(&file)?;
    if content.len() as u64 == size { Ok(content) } else { Err(Reason::Changing) }
}

/// SHA-256 in hexadecimal.
pub(in crate::precompressed) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// When a file was changed, or is said to have been, in nanoseconds since 1970.
pub(in crate::precompressed) fn mtime(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// When a file was changed, or its mode, owner or times: in nanoseconds since 1970. Nobody can choose it.
pub(in crate::precompressed) fn ctime(metadata: &Metadata) -> i64 {
    metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec())
}

/// The time that is `mtime` nanoseconds after 1970, or before.
pub(in crate::precompressed) fn time(mtime: i64) -> SystemTime {
    let distance = Duration::from_nanos(mtime.unsigned_abs());
    if mtime < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}
