//! What can wake the supervisor: descriptors, signals, deadlines.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Signals as bytes on descriptors.
#[derive(Debug)]
pub(crate) struct Signals {
    child: UnixStream,
    end: UnixStream,
}

impl Signals {
    /// Starts listening: SIGCHLD, and SIGTERM or SIGINT as the wish for an end.
    pub(crate) fn new() -> io::Result<Self> {
        let (child, child_sender) = UnixStream::pair()?;
        let (end, end_sender) = UnixStream::pair()?;
        for receiver in [&child, &end] {
            receiver.set_nonblocking(true)?;
        }
        pipe::register(SIGTERM, end_sender.try_clone()?)?;
        pipe::register(SIGINT, end_sender)?;
        pipe::register(SIGCHLD, child_sender)?;
        Ok(Self { child, end })
    }

    /// Whether a child changed its state since the last call.
    pub(crate) fn take_child(&mut self) -> bool {
        drain(&mut self.child)
    }

    /// Whether somebody asked for an end since the last call.
    pub(crate) fn take_end(&mut self) -> bool {
        drain(&mut self.end)
    }

    /// The descriptors to wait for.
    pub(crate) fn interests(&self) -> [(BorrowedFd<'_>, PollFlags); 2] {
        [(self.child.as_fd(), PollFlags::IN), (self.end.as_fd(), PollFlags::IN)]
    }
}

fn drain(receiver: &mut UnixStream) -> bool {
    let mut buffer = [0; 64];
    let mut any = false;
    while receiver.read(&mut buffer).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}

/// Sleeps until one of `interests` is ready or `deadline` is there.
pub(crate) fn wait(
    interests: Vec<(BorrowedFd<'_>, PollFlags)>,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let mut descriptors: Vec<PollFd<'_>> =
        interests.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
    let timeout = deadline.map(|d| timespec(d.saturating_duration_since(Instant::now())));
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

/// Rounded up to the next millisecond: waking just before a deadline would be waking twice.
fn timespec(duration: Duration) -> Timespec {
    let rounded = duration + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(rounded.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: rounded.subsec_nanos().into(),
    }
}
