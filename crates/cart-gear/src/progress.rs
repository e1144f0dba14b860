//! What the one who drives a gear learns while it works, and how it is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::output::Line;

/// Who runs a script, which decides what is worth showing of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The cartridge is being put on a gear or taken off it: a node shows what is for people.
    Setup,
    /// control, in the life of the app.
    Control,
    /// A hook of the app's own: its author wants to see everything.
    UserHook,
}

/// Told what happens. All methods have defaults that pass it over.
pub trait Progress {
    /// Something begins that may take a while, `bin/install` or `control build` for example.
    fn step(&mut self, name: &str, caller: Caller) {
        let _ = (name, caller);
    }

    /// A script printed a line.
    fn heard(&mut self, line: &Line) {
        let _ = line;
    }

    /// Something that a person should know and that no script says.
    fn notice(&mut self, text: &str) {
        let _ = text;
    }

    /// The app has answered at `url`.
    fn serving(&mut self, url: &str) {
        let _ = url;
    }

    /// A log got a line.
    fn logged(&mut self, file: &str, line: &str) {
        let _ = (file, line);
    }
}

/// Passes everything over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// How often somebody asked for an end. Each request ends one thing: the script that runs, or the
/// following of the logs; so a second Ctrl-C also ends a `control stop` that hangs.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    pending: Arc<(Mutex<usize>, Condvar)>,
    reload: Arc<AtomicBool>,
}

impl Interrupts {
    /// Asks for an end once more. May be called from any thread, but not from a signal handler.
    pub fn raise(&self) {
        let (pending, raised) = &*self.pending;
        *locked(pending) += 1;
        raised.notify_all();
    }

    /// Asks what is served to take over changed configuration.
    pub fn ask_for_reload(&self) {
        self.reload.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked for that since this was last answered with yes.
    #[must_use]
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody asked for an end since this was last answered with yes.
    #[must_use]
    pub fn take(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// As [`take`](Self::take), waiting up to `limit` for somebody to ask.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        let (pending, raised) = &*self.pending;
        let (mut pending, _) = raised
            .wait_timeout_while(locked(pending), limit, |pending| *pending == 0)
            .unwrap_or_else(PoisonError::into_inner);
        let asked = *pending > 0;
        *pending -= usize::from(asked);
        asked
    }
}

/// A number is whole even if its holder panicked.
fn locked(pending: &Mutex<usize>) -> MutexGuard<'_, usize> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once() {
        let interrupts = Interrupts::default();
        assert!(!interrupts.take());
        let elsewhere = interrupts.clone();
        interrupts.raise();
        elsewhere.raise();
        assert!(interrupts.take());
        assert!(interrupts.take());
        assert!(!interrupts.take());
    }

    #[test]
    fn who_waits_is_woken() {
        let interrupts = Interrupts::default();
        let elsewhere = interrupts.clone();
        let waiting = std::thread::spawn(move || elsewhere.wait(Duration::from_secs(60)));
        interrupts.raise();
        assert!(waiting.join().unwrap());
        assert!(!interrupts.wait(Duration::from_millis(1)));
    }
}
