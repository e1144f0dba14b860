//! Reading both streams of a short command to their ends, without a thread: where the table of
//! processes is full there is none to be had, and a hook must still be able to say so.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Output;
use crate::processes::process::ProcessId;
use crate::processes::wait;

/// One of its streams, until it has ended, and what came from it.
type Stream = (Option<File>, Vec<u8>);

/// What the child printed, and how it ended; `None` when it was killed because `limit` was over.
pub(super) fn to_the_end(mut child: Child, limit: Duration) -> io::Result<Option<Output>> {
    let deadline = Instant::now() + limit;
    let pipes = [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
    let mut streams = pipes.map(|pipe| (pipe.map(File::from), Vec::new()));
    let read = read_until(&mut streams, deadline);
    let left = || deadline.saturating_duration_since(Instant::now());
    // It has closed its streams, and ends as a rule within less than a first look would wait.
    if let Some(process) = ProcessId::of_child(child.id()) {
        let _ = process.wait_gone(left());
    }
    let status = wait::until(left(), || child.try_wait().transpose());
    match (read, status) {
        (Ok(true), Some(status)) => {
            let [(_, stdout), (_, stderr)] = streams;
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

/// Answers whether all have ended before the deadline.
fn read_until(streams: &mut [Stream], deadline: Instant) -> io::Result<bool> {
    loop {
        let mut open: Vec<_> = streams.iter_mut().filter(|stream| stream.0.is_some()).collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if open.is_empty() || left.is_zero() {
            return Ok(open.is_empty());
        }
        let files = open.iter().filter_map(|stream| stream.0.as_ref());
        let mut polled: Vec<PollFd<'_>> =
            files.map(|file| PollFd::new(file, PollFlags::IN)).collect();
        // One that cannot be told is longer than anybody waits.
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (stream, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            read_some(stream)?;
        }
    }
}

/// One read, which does not wait where something is ready; at the end the stream is closed.
fn read_some((stream, read): &mut Stream) -> io::Result<()> {
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
