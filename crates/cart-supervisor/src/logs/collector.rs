//! Where a service prints to: a pipe that the supervisor holds open, and the process that writes
//! what comes through it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, files, run, tree};
use rustix::fs::{CWD, FileType, Mode, OFlags, mkfifoat};
use rustix::io::ioctl_fionread;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::backoff::Kept;
use crate::protocol::handed_over::Descriptor;
use crate::protocol::subcommands::WRITE_LOG;
use crate::succession::Succession;

/// How much a service may print while nobody writes it: the most that the system allows to
/// everybody (`/proc/sys/fs/pipe-max-size`).
const CAPACITY: usize = 1 << 20;
/// A wait for the next writer that is so long that the service is not let wait, too.
const LONG_WAIT: Duration = Duration::from_secs(4);
/// How often a pipe is looked at that has no writer for so long.
const LOOK: Duration = Duration::from_secs(1);
/// How long a writer has to write the rest and end when everything else has ended.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// The pipe of one service, and its writer.
///
/// The pipe has a name in `run/`, by which the next supervisor finds it. It is open for reading and
/// writing here and in the service: the death of anybody else is no end of it for the service, and
/// what is printed meanwhile waits in it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Collector {
    path: Utf8PathBuf,
    /// None when its writer is to come to its end.
    #[serde(rename = "number")]
    pipe: Option<Descriptor>,
    command: CommandSpec,
    pub(crate) writer: Kept,
    /// Whether a writer is missing for so long that output is dropped when the pipe is full.
    #[serde(skip)]
    helpless: bool,
    /// When a writer that is to end by itself is killed.
    #[serde(skip)]
    kill_at: Option<Instant>,
    /// What was dropped because no writer could be started.
    #[serde(skip)]
    dropped: u64,
}

impl Collector {
    /// Opens the pipe of the service called `name`, or makes it. Nobody reads it yet. `printing` is a
    /// process of a former supervisor's that prints into it, and does even if its name was removed.
    pub(crate) fn open(
        run: &Utf8Path,
        name: &str,
        command: CommandSpec,
        printing: Option<ProcessId>,
    ) -> Result<Self, FileError> {
        let path = run.join(format!("{name}.fifo"));
        let pipe = match printing.and_then(|process| pipe_of(process, &path)) {
            Some(pipe) => pipe,
            None => named_pipe(&path).map_err(|e| FileError::new("make the pipe", &path, e))?,
        };
        // A smaller one does, too.
        let _ = fcntl_setpipe_size(&pipe, CAPACITY);
        let mut writer = Kept::default();
        writer.start_in(Duration::ZERO);
        let pipe = Some(pipe.into());
        Ok(Self { path, pipe, command, writer, helpless: false, kill_at: None, dropped: 0 })
    }

    /// What a service is given to print to. A description of its own: what the service sets on it
    /// (not to block, say) is no concern of the next one.
    pub(crate) fn output(&self) -> io::Result<File> {
        Ok(self.reopen(OFlags::RDWR)?.into())
    }

    /// Has another command write from now on, if it is another.
    pub(crate) fn write_with(&mut self, command: &CommandSpec) {
        if self.command == *command {
            return;
        }
        self.command = command.clone();
        self.writer.renew();
    }

    /// The pipe's name.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Whether its writer is to come to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.pipe.is_none()
    }

    /// Bytes that were printed and are not written yet.
    pub(crate) fn pending(&self) -> u64 {
        self.pipe.as_ref().and_then(|pipe| ioctl_fionread(pipe).ok()).unwrap_or(0)
    }

    /// Whether its writer is one of our own. Then nothing that was printed is left to be written when
    /// nothing is [`pending`](Self::pending): somebody else's may hold what it has taken.
    pub(crate) fn is_our_own(&self) -> bool {
        self.command.args.first().is_some_and(|word| word == WRITE_LOG)
    }

    /// Whether a writer of our own is there or about to be, which succeeds the supervisor.
    pub(crate) fn has_heir(&self) -> bool {
        self.is_our_own() && (self.writer.id().is_some() || !self.helpless)
    }

    /// Notes the end of process `pid`; answers whether it was the writer.
    pub(crate) fn ended(&mut self, pid: u32) -> bool {
        let Some(wait) = self.writer.ended(pid) else { return false };
        self.helpless = wait >= LONG_WAIT;
        true
    }

    /// When something is to be done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let look = self.helpless.then(|| Instant::now() + LOOK);
        let start = self.writer.deadline().filter(|_| self.pipe.is_some());
        [start, self.kill_at, look].into_iter().flatten().min()
    }

    /// Does what is due; `errors` is where a writer complains. Answers what is to be noted.
    pub(crate) fn look_after(&mut self, succession: &Succession, errors: &File) -> Option<String> {
        if self.kill_at.take_if(|at| *at <= Instant::now()).is_some() {
            self.writer.signal(Signal::KILL);
        }
        if self.pipe.is_some() && self.writer.is_due() {
            return Some(match self.start(succession, errors) {
                Ok(id) => format!("pid {} writes its log{}", id.pid, self.dropped_text()),
                Err(reason) => {
                    self.helpless = self.writer.start_later(Duration::ZERO) >= LONG_WAIT;
                    format!("nobody writes what comes through {}: {reason}", self.path)
                }
            });
        }
        if self.helpless {
            // A service must not be stopped by a log.
            let _ = self.make_room();
        }
        None
    }

    /// Lets the writer come to its end: it writes the rest and goes when nobody holds the pipe
    /// any more. Answers whether it has gone.
    pub(crate) fn close(&mut self) -> bool {
        if self.pipe.take().is_some() {
            self.helpless = false;
            self.kill_at = Some(Instant::now() + TIME_TO_END);
            let _ = files::remove_if_exists(&self.path);
        }
        self.writer.id().is_none()
    }

    fn dropped_text(&mut self) -> String {
        match std::mem::take(&mut self.dropped) {
            0 => String::new(),
            bytes => format!("; {bytes} bytes were dropped because nobody could write them"),
        }
    }

    fn start(&mut self, succession: &Succession, errors: &File) -> Result<ProcessId, String> {
        let input = self.reopen(OFlags::RDONLY).map_err(|e| e.to_string())?;
        let mut command = self.command.clone();
        let mut held = Vec::new();
        if self.is_our_own() {
            command = command.args([&succession.run, &succession.logs].map(ToString::to_string));
            held = succession.held().map_err(|e| e.to_string())?;
        }
        let child = run::reader(&command, input, held, errors).map_err(|e| e.to_string())?;
        let id = ProcessId::of_child(child.id()).ok_or("/proc does not show its process")?;
        self.writer.started(id);
        self.helpless = false;
        Ok(id)
    }

    fn make_room(&mut self) -> io::Result<()> {
        let capacity = self.pipe.as_ref().map_or(Ok(0), fcntl_getpipe_size)? as u64;
        if self.pending() < capacity / 2 {
            return Ok(());
        }
        let reader = self.reopen(OFlags::RDONLY | OFlags::NONBLOCK)?;
        let mut buffer = vec![0; 64 * 1024];
        while self.pending() >= capacity / 4 {
            self.dropped += rustix::io::read(&reader, &mut buffer)? as u64;
        }
        Ok(())
    }

    /// The same pipe, even if somebody removed its name.
    fn reopen(&self, how: OFlags) -> io::Result<OwnedFd> {
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let path = format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd());
        Ok(rustix::fs::open(path, how | OFlags::CLOEXEC, Mode::empty())?)
    }
}

/// The pipe called `path` that is the standard output of `process`.
fn pipe_of(process: ProcessId, path: &Utf8Path) -> Option<OwnedFd> {
    let output = format!("/proc/{}/fd/1", process.pid);
    let target = Utf8PathBuf::from_path_buf(std::fs::read_link(&output).ok()?).ok()?;
    let is_it = target == path || target.as_str() == format!("{path} (deleted)");
    let how = OFlags::RDWR | OFlags::CLOEXEC;
    let pipe = rustix::fs::open(is_it.then_some(output)?, how, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&pipe).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::Fifo).then_some(pipe)
}

fn named_pipe(path: &Utf8Path) -> io::Result<OwnedFd> {
    let is_pipe = |path: &Utf8Path| {
        rustix::fs::lstat(path.as_std_path())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    };
    if !is_pipe(path) {
        tree::remove(path).map_err(io::Error::other)?;
        mkfifoat(CWD, path.as_std_path(), Mode::RUSR | Mode::WUSR)?;
    }
    let how = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::open(path.as_std_path(), how, Mode::empty())?)
}
