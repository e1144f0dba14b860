//! What a handover is written in: descriptors by their numbers in the next program, moments by their
//! distance from now.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use cart_core::process::ProcessId;
use rustix::io::{FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};

/// Descriptors that the next program inherits: copies, so that nothing has changed if it does not
/// start.
#[derive(Debug, Default)]
pub(crate) struct Copies(Vec<OwnedFd>);

impl Copies {
    /// The number that `fd` has in the next program.
    pub(crate) fn number(&mut self, fd: impl AsFd) -> io::Result<i32> {
        let copy = fd.as_fd().try_clone_to_owned()?;
        fcntl_setfd(&copy, FdFlags::empty())?;
        let number = copy.as_raw_fd();
        self.0.push(copy);
        Ok(number)
    }
}

/// A process, as it is handed over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct HandedProcess {
    pub(crate) id: ProcessId,
    pub(crate) lived: u64,
    pub(crate) ours: bool,
}

/// A moment, as it is told to the next program: how many milliseconds from now.
pub(crate) fn from_now(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(u64::MAX)
}

/// A moment that was told so.
pub(crate) fn in_millis(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis.min(u64::from(u32::MAX)))
}

/// A moment in the past: how many milliseconds ago.
pub(crate) fn ago(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A moment that was told so; at most as long ago as the clock knows.
pub(crate) fn millis_ago(millis: u64) -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(millis)).unwrap_or(now)
}
