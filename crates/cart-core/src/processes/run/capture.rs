//! Reading both streams of a short command to their ends, without a thread: where the table of
//! processes is full there is none to be had, and a hook must still be able to say so.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Output;
use crate::processes::process::ProcessId;
use crate::processes::wait;

/// What the child printed, and how it ended; `None` when it was killed because `limit` was over.
pub(super) fn to_the_end(mut child: Child, limit: Duration) -> io::Result<Option<Output>> {
    let deadline = Instant::now() + limit;
    let mut streams = Streams::of(&mut child);
    let read = streams.read_until(deadline);
    let left = || deadline.saturating_duration_since(Instant::now());
    // It has closed its streams, and ends as a rule within less than a first look would wait.
    if let Some(process) = ProcessId::of_child(child.id()) {
        let _ = process.wait_gone(left());
    }
    let status = wait::until(left(), || child.try_wait().transpose());
    match (read, status) {
        (Ok(true), Some(status)) => {
            let Streams { stdout: (_, stdout), stderr: (_, stderr) } = streams;
            Ok(Some(Output { stdout, stderr, status: status? }))
        }
        (read, _) => {
            // A failed kill means that it ended just now.
            let _ = child.kill();
            child.wait()?;
            read.map(|_| None)
        }
    }
}

/// Both streams, each until it has ended, and what came from them.
struct Streams {
    stdout: (Option<ChildStdout>, Vec<u8>),
    stderr: (Option<ChildStderr>, Vec<u8>),
}

impl Streams {
    fn of(child: &mut Child) -> Self {
        Self {
            stdout: (child.stdout.take(), Vec::new()),
            stderr: (child.stderr.take(), Vec::new()),
        }
    }

    /// Answers whether both ended before the deadline.
    fn read_until(&mut self, deadline: Instant) -> io::Result<bool> {
        while self.stdout.0.is_some() || self.stderr.0.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let [out, err] = self.ready(left)?;
            if out {
                read_some(&mut self.stdout)?;
            }
            if err {
                read_some(&mut self.stderr)?;
            }
        }
        Ok(true)
    }

    /// Waits until something came or ended, for `left` at most.
    fn ready(&self, left: Duration) -> io::Result<[bool; 2]> {
        let streams =
            [self.stdout.0.as_ref().map(AsFd::as_fd), self.stderr.0.as_ref().map(AsFd::as_fd)];
        let open = streams.iter().flatten();
        let mut polled: Vec<PollFd<'_>> =
            open.map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
        let mut answers = polled.iter().map(|fd| !fd.revents().is_empty());
        Ok(streams.map(|stream| stream.is_some() && answers.next().unwrap_or(false)))
    }
}

/// One read, which does not wait where something is ready; at the end the stream is closed.
fn read_some<S: Read>((stream, read): &mut (Option<S>, Vec<u8>)) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let count = match stream.as_mut().map(|stream| stream.read(&mut buffer)) {
        Some(Err(e)) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
        Some(count) => count?,
        None => 0,
    };
    read.extend_from_slice(&buffer[..count]);
    if count == 0 {
        *stream = None;
    }
    Ok(())
}
