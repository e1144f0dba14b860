//! What can wake the supervisor: descriptors, signals, deadlines.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// Signals that have come, and a descriptor that is readable when one has.
pub(crate) type Signals = SignalDelivery<UnixStream, SignalOnly>;

/// Begins to listen for these.
pub(crate) fn signals(wanted: &[i32]) -> io::Result<Signals> {
    let (reader, writer) = UnixStream::pair()?;
    SignalDelivery::with_pipe(reader, writer, SignalOnly, wanted)
}

/// Whether `fd` is ready for what `flags` say, or has come to its end, of which is told in any case.
pub(crate) fn is_ready(fd: impl AsFd, flags: PollFlags) -> bool {
    let now = Timespec::default();
    poll(&mut [PollFd::new(&fd, flags)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Sleeps until one of `interests` is ready or `deadline` is there.
pub(crate) fn wait(
    interests: Vec<(BorrowedFd<'_>, PollFlags)>,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let mut descriptors: Vec<PollFd<'_>> =
        interests.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
    // Rounded up to the next millisecond: waking just before a deadline would be waking twice.
    let left =
        |at: Instant| at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    let timeout = deadline.and_then(|deadline| Timespec::try_from(left(deadline)).ok());
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(other) => Err(other.into()),
    }
}
