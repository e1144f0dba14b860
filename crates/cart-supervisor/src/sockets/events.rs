//! What can wake the supervisor: descriptors, signals, deadlines.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Signals as bytes on descriptors.
#[derive(Debug)]
pub(crate) struct Signals {
    child: UnixStream,
    end: UnixStream,
    restore: UnixStream,
}

impl Signals {
    /// Starts listening: SIGCHLD, SIGTERM or SIGINT as the wish for an end, and SIGHUP as the one for
    /// the files that it is reached by.
    pub(crate) fn new() -> io::Result<Self> {
        let (child, child_sender) = UnixStream::pair()?;
        let (end, end_sender) = UnixStream::pair()?;
        let (restore, restore_sender) = UnixStream::pair()?;
        for receiver in [&child, &end, &restore] {
            receiver.set_nonblocking(true)?;
        }
        pipe::register(SIGTERM, end_sender.try_clone()?)?;
        pipe::register(SIGINT, end_sender)?;
        pipe::register(SIGHUP, restore_sender)?;
        pipe::register(SIGCHLD, child_sender)?;
        Ok(Self { child, end, restore })
    }

    /// Whether a child changed its state since the last call.
    pub(crate) fn take_child(&mut self) -> bool {
        drain(&mut self.child)
    }

    /// Whether somebody asked for an end since the last call.
    pub(crate) fn take_end(&mut self) -> bool {
        drain(&mut self.end)
    }

    /// Whether somebody asked for what was removed since the last call.
    pub(crate) fn take_restore(&mut self) -> bool {
        drain(&mut self.restore)
    }

    /// The descriptors to wait for.
    pub(crate) fn interests(&self) -> [(BorrowedFd<'_>, PollFlags); 3] {
        [&self.child, &self.end, &self.restore].map(|fd| (fd.as_fd(), PollFlags::IN))
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

/// Whether `fd` can be read.
pub(crate) fn is_ready(fd: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
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
