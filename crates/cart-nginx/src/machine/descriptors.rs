//! How many connections a worker can have under the limit on open files.

use rustix::process::{Resource, getrlimit};

/// The most files that a process of this user may have open (the hard limit of `RLIMIT_NOFILE`).
#[must_use]
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// The fewest files under which nginx serves at all, with its logs, its workers and a few clients.
pub(crate) const FEWEST: u64 = 128;

/// As [`limit`], where that is enough for nginx: it gets what the caller has, and with less it would
/// accept its configuration and start no worker.
///
/// # Errors
/// [`TooFewFiles`].
pub(crate) fn enough() -> Result<u64, TooFewFiles> {
    checked(limit())
}

fn checked(limit: u64) -> Result<u64, TooFewFiles> {
    if limit < FEWEST { Err(TooFewFiles { limit }) } else { Ok(limit) }
}

/// A limit on open files under which nothing is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may open {limit} files, a descriptor each, and nginx needs {FEWEST}. Raise the limit (`ulimit -n`) of whoever calls this"
)]
pub struct TooFewFiles {
    /// The hard limit.
    pub limit: u64,
}

/// What a worker gets of the connections that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// `worker_rlimit_nofile`.
    pub files: u64,
    /// `worker_connections`.
    pub connections: u64,
    /// How many files `open_file_cache` may keep open.
    pub cached: u64,
}

/// More are not worth their descriptors.
const MOST_CACHED: u64 = 10_000;

impl Descriptors {
    /// Each connection may come with one more descriptor, of a file on its way from the disk, and a worker
    /// has a few of its own; what is left is for files that it keeps open. Where the limit does not allow
    /// that, an eighth of it is for files, half of them kept: many more connections wait than are being
    /// sent something.
    #[must_use]
    pub(crate) fn share(wanted: u64, limit: u64) -> Self {
        const OWN: u64 = 64;
        let needed = wanted.saturating_mul(2).saturating_add(OWN);
        let for_files = limit / 8;
        Self {
            files: needed.saturating_add(MOST_CACHED).min(limit),
            connections: wanted.min(limit - for_files),
            cached: limit.saturating_sub(needed).max(for_files / 2).clamp(1, MOST_CACHED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_files_give_what_was_asked() {
        let files = 2 * 8192 + 64 + 10_000;
        let enough = Descriptors { files, connections: 8192, cached: 10_000 };
        for limit in [u64::MAX, 1_048_576, files] {
            assert_eq!(Descriptors::share(8192, limit), enough);
        }
    }

    #[test]
    fn too_few_files_give_what_is_possible() {
        let share = |limit| Descriptors::share(8192, limit);
        assert_eq!(share(1024), Descriptors { files: 1024, connections: 896, cached: 64 });
        assert_eq!(share(16_448), Descriptors { files: 16_448, connections: 8192, cached: 1028 });
        assert_eq!(share(20_000), Descriptors { files: 20_000, connections: 8192, cached: 3552 });
    }

    #[test]
    fn this_process_has_enough_files_and_fewer_are_refused() {
        assert_eq!(enough(), Ok(limit()));
        insta::assert_snapshot!(
            checked(64).unwrap_err(),
            @"this process may open 64 files, a descriptor each, and nginx needs 128. Raise the limit (`ulimit -n`) of whoever calls this"
        );
    }
}
