//! Logs that a service writes itself: renamed when they are full, then the service is told to open
//! them anew.
//!
//! Nobody looks at them while nothing is written: the first change after a look is reported by
//! inotify, and the next look follows some seconds later.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{LogLimits, files};
use rustix::fs::inotify;

use crate::logs::rotating::shift;

/// How long after a change a log is looked at: by so much writing it may become too long.
const LOOK: Duration = Duration::from_secs(5);

/// The logs of one service.
#[derive(Debug)]
pub(crate) struct OwnLogs {
    paths: Vec<Utf8PathBuf>,
    limits: LogLimits,
    changes: Option<OwnedFd>,
    look_at: Option<Instant>,
}

impl OwnLogs {
    /// Logs that are looked at for the first time in some seconds.
    pub(crate) fn new(paths: Vec<Utf8PathBuf>, limits: LogLimits) -> Self {
        let look_at = Some(Instant::now() + LOOK);
        Self { paths, limits, changes: None, look_at }
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Option<BorrowedFd<'_>> {
        if self.look_at.is_some() { None } else { self.changes.as_ref().map(AsFd::as_fd) }
    }

    /// When to look.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Takes note of a change.
    pub(crate) fn notice(&mut self) {
        let mut buffer = [0; 4096];
        let change = self.changes.as_ref().map(|fd| rustix::io::read(fd, &mut buffer));
        if self.look_at.is_none() && matches!(change, Some(Ok(1..))) {
            self.look_at = Some(Instant::now() + LOOK);
        }
    }

    /// Looks if it is time to, and moves on what is full. `ready` says whether the service can be
    /// told now; answers what was moved on, and what could not be.
    pub(crate) fn look(&mut self, ready: bool) -> (bool, Vec<String>) {
        if self.look_at.is_none_or(|at| at > Instant::now()) {
            return (false, Vec::new());
        }
        let full: Vec<&Utf8PathBuf> =
            self.paths.iter().filter(|path| size(path) > self.limits.size).collect();
        if !full.is_empty() && !ready {
            self.look_at = Some(Instant::now() + LOOK);
            return (false, Vec::new());
        }
        let mut trouble = Vec::new();
        let mut moved = false;
        for path in full {
            // There is something to watch, whenever the service opens it.
            let done = shift(path, self.limits.files).and_then(|()| files::open_log(path));
            moved |= done.is_ok();
            trouble.extend(done.err().map(|error| format!("a log cannot be moved on: {error}")));
        }
        // Without inotify (its instances are counted per user), a look now and then must do.
        self.look_at = self.watch().is_err().then(|| Instant::now() + LOOK * 12);
        (moved, trouble)
    }

    /// Watches for the next change, from now on: what was written before was counted.
    fn watch(&mut self) -> rustix::io::Result<()> {
        let changes =
            inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::ONESHOT;
        for path in &self.paths {
            // One that is not written at all needs no watching.
            let _ = inotify::add_watch(&changes, path.as_std_path(), flags);
        }
        self.changes = Some(changes);
        Ok(())
    }
}

fn size(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
