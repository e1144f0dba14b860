//! The process that writes what a service prints: `PROGRAM write-log FILE SIZE FILES`, with the
//! service's output as its standard input.
//!
//! It loses nothing, even when it is killed: it looks at a piece of its input without taking it
//! (`tee(2)`), writes it, and only then takes it. Killed in between, its successor writes that piece
//! once more. So an empty input means that everything is in the file.
//!
//! A disk that is full must not stop the service, which would block on a full pipe: when half of
//! the pipe is used, the oldest output is dropped, and the log says how much once it can be written.
//!
//! With `RUN LOGS` behind FILES it also starts the next supervisor when its own was killed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8Path;
use cart_core::LogLimits;
use rustix::event::PollFlags;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, ioctl_fionread};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, pipe_with, tee};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::logs::rotating::RotatingFile;
use crate::sockets::events;
use crate::succession::Heir;

/// What is looked at and written at once: what a pipe holds that nobody enlarged.
const PIECE: usize = 64 * 1024;
/// How often writing is tried again while it fails.
const AGAIN: Duration = Duration::from_millis(100);

/// Writes standard input to `path` until its end, or until it is asked to end. A supervisor that is
/// killed meanwhile is succeeded by `heir`.
///
/// # Errors
/// When standard input is no pipe, or the system refuses a descriptor.
pub(crate) fn write_log(
    path: &Utf8Path,
    limits: LogLimits,
    mut heir: Option<Heir>,
) -> io::Result<()> {
    let stdin = io::stdin();
    // Two writers of one pipe would take each other's pieces away: a second one, of a new
    // supervisor, waits here until the first has ended.
    flock(&stdin, FlockOperation::LockExclusive)?;
    let mut end = events::signals(&[SIGTERM, SIGINT])?;
    let input = stdin.as_fd().try_clone_to_owned()?.into();
    let mut writer = Writer::new(input, RotatingFile::new(path, limits))?;
    let mut more = true;
    loop {
        let mut interests = vec![(end.get_read().as_fd(), PollFlags::IN)];
        if more && writer.again_at.is_none() {
            interests.push((stdin.as_fd(), PollFlags::IN));
        }
        interests.extend(heir.as_ref().and_then(Heir::interest));
        let heirs = heir.as_ref().and_then(Heir::deadline);
        events::wait(interests, [writer.again_at, heirs].into_iter().flatten().min())?;
        if end.pending().next().is_some() {
            return Ok(());
        }
        more = more && writer.go_on()?;
        heir.iter_mut().for_each(Heir::look);
        if !more && !heir.as_ref().is_some_and(Heir::is_wanted) {
            return Ok(());
        }
    }
}

/// A writer between two pieces.
#[derive(Debug)]
struct Writer {
    input: File,
    /// How much input the pipe can hold.
    capacity: u64,
    log: RotatingFile,
    /// A pipe for looking at the input without taking it.
    copy: (File, OwnedFd),
    piece: Option<Piece>,
    /// Set while writing fails.
    again_at: Option<Instant>,
    reason: String,
    dropped: Dropped,
}

/// What is being written.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    written: usize,
    /// How many bytes of input it stands for.
    input: usize,
}

/// What a look at the input gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// The next piece.
    Piece,
    /// Nothing yet.
    Nothing,
    /// Its end: nobody can write to it any more.
    Ended,
}

/// What could not be written and was dropped.
#[derive(Debug, Default)]
struct Dropped {
    bytes: usize,
    lines: usize,
}

impl Writer {
    fn new(input: File, log: RotatingFile) -> io::Result<Self> {
        let (copy, copied) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self {
            capacity: fcntl_getpipe_size(&input)? as u64,
            input,
            log,
            copy: (copy.into(), copied),
            piece: None,
            again_at: None,
            reason: String::new(),
            dropped: Dropped::default(),
        })
    }

    /// Writes what there is; answers whether more may come.
    fn go_on(&mut self) -> io::Result<bool> {
        loop {
            if self.piece.is_none() {
                match self.look()? {
                    Input::Piece => {}
                    Input::Nothing => return Ok(true),
                    Input::Ended => return Ok(false),
                }
            }
            if let Err(error) = self.write() {
                self.reason = error.to_string();
                self.again_at = Some(Instant::now() + AGAIN);
                self.make_room()?;
                return Ok(true);
            }
            self.again_at = None;
        }
    }

    /// Looks at the next piece, if there is one.
    fn look(&mut self) -> io::Result<Input> {
        let input = match tee(&self.input, &self.copy.1, PIECE, SpliceFlags::NONBLOCK) {
            Ok(0) => return Ok(Input::Ended),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Input::Nothing),
            other => other?,
        };
        let mut bytes = self.note();
        let start = bytes.len();
        bytes.resize(start + input, 0);
        self.copy.0.read_exact(&mut bytes[start..])?;
        self.piece = Some(Piece { bytes, written: 0, input });
        Ok(Input::Piece)
    }

    /// Writes the piece and takes it from the input.
    fn write(&mut self) -> io::Result<()> {
        let Some(piece) = &mut self.piece else { return Ok(()) };
        let mut left = &piece.bytes[piece.written..];
        let outcome = self.log.append(&mut left);
        piece.written = piece.bytes.len() - left.len();
        outcome?;
        self.take()?;
        self.dropped = Dropped::default();
        Ok(())
    }

    /// Drops the oldest input until the service can go on printing.
    fn make_room(&mut self) -> io::Result<()> {
        while ioctl_fionread(&self.input)? >= self.capacity / 2 {
            if self.piece.is_none() {
                self.look()?;
            }
            if let Some(piece) = &self.piece {
                let note = piece.bytes.len() - piece.input;
                let lost = &piece.bytes[piece.written.max(note)..];
                self.dropped.bytes += lost.len();
                self.dropped.lines += lost.iter().filter(|b| **b == b'\n').count();
            }
            self.take()?;
        }
        Ok(())
    }

    /// Takes from the input what the piece stands for.
    fn take(&mut self) -> io::Result<()> {
        let Some(piece) = self.piece.take() else { return Ok(()) };
        self.input.read_exact(&mut vec![0; piece.input])
    }

    /// What the log says of dropped output.
    fn note(&self) -> Vec<u8> {
        let Dropped { bytes, lines } = self.dropped;
        if bytes == 0 {
            return Vec::new();
        }
        let begin = if self.log.in_line() { "\n" } else { "" };
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        let reason = &self.reason;
        format!(
            "{begin}{time} {bytes} bytes of output ({lines} lines) were dropped here: the log \
             could not be written ({reason})\n"
        )
        .into_bytes()
    }
}
