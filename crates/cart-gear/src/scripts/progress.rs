//! What the one who drives a gear learns while it works, and how it is told to stop.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::layout::output::{Line, Said, Stream};

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

/// Hears of scripts only what they print on standard error: a node shows nobody the rest of what those
/// around a snapshot say, and that a stop had nothing to stop is no news.
pub(crate) struct OnlyErrors<'a>(pub(crate) &'a mut dyn Progress);

impl Progress for OnlyErrors<'_> {
    fn step(&mut self, name: &str, caller: Caller) {
        self.0.step(name, caller);
    }

    fn heard(&mut self, line: &Line) {
        if line.stream == Stream::Err {
            let said = if line.said == Said::Plain { Said::Message } else { line.said };
            self.0.heard(&Line { said, ..line.clone() });
        }
    }

    fn notice(&mut self, text: &str) {
        self.0.notice(text);
    }
}

/// What fails here leaves something too many, and keeps nobody from going on.
pub(crate) fn noticed<T>(result: Result<T, impl Display>, progress: &mut dyn Progress) {
    if let Err(error) = result {
        progress.notice(&error.to_string());
    }
}

/// How often somebody asked for an end. Each request ends one thing: the script that runs, or the
/// following of the logs; so a second Ctrl-C also ends a `control stop` that hangs.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    asked: Arc<(Mutex<Asked>, Condvar)>,
    reload: Arc<AtomicBool>,
}

/// What has been asked for.
#[derive(Debug, Default)]
struct Asked {
    /// Requests that ended nothing yet.
    pending: usize,
    /// Whether there ever was one.
    ever: bool,
    /// Whether the first was one that the next is another word for.
    ahead: bool,
    /// Whether one of them can wait.
    patient: bool,
}

impl Interrupts {
    /// Asks for an end once more. May be called from any thread, but not from a signal handler.
    pub fn raise(&self) {
        self.ask(|asked| {
            asked.pending += usize::from(!asked.ahead);
            asked.ahead = false;
        });
    }

    /// As [`raise`](Self::raise), by somebody who can wait for it, so that nobody else is surprised.
    pub fn raise_patiently(&self) {
        self.ask(|asked| {
            asked.pending += 1;
            asked.patient = true;
        });
    }

    /// Whether whoever asked for an end can wait, if that was not answered yet.
    #[must_use]
    pub fn take_patience(&self) -> bool {
        std::mem::take(&mut locked(&self.asked.0).patient)
    }

    /// Asks for an end because the one who wanted the work is gone. The Ctrl-C that ended it may
    /// have reached us, too: such a request, be it before or after this one, and this one are one.
    pub fn raise_with_caller(&self) {
        self.ask(|asked| {
            asked.ahead = !asked.ever;
            asked.pending += usize::from(asked.ahead);
        });
    }

    fn ask(&self, add: impl FnOnce(&mut Asked)) {
        let (asked, raised) = &*self.asked;
        let mut asked = locked(asked);
        add(&mut asked);
        asked.ever = true;
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
        let (asked, raised) = &*self.asked;
        let (mut asked, _) = raised
            .wait_timeout_while(locked(asked), limit, |asked| asked.pending == 0)
            .unwrap_or_else(PoisonError::into_inner);
        let any = asked.pending > 0;
        asked.pending -= usize::from(any);
        any
    }
}

/// Numbers are whole even if their holder panicked.
fn locked(asked: &Mutex<Asked>) -> MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_request_that_ended_the_caller_too_counts_once_whatever_is_noticed_first() {
        let interrupts = Interrupts::default();
        interrupts.raise();
        assert!(interrupts.take());
        interrupts.raise_with_caller();
        assert!(!interrupts.take());
        interrupts.raise();
        assert!(interrupts.take(), "a second one is a second one");

        let interrupts = Interrupts::default();
        interrupts.raise_with_caller();
        assert!(interrupts.take());
        interrupts.raise();
        assert!(!interrupts.take());
        interrupts.raise();
        assert!(interrupts.take(), "a second one is a second one");
    }

    #[test]
    fn one_who_can_wait_is_told_from_one_who_cannot() {
        let interrupts = Interrupts::default();
        interrupts.raise();
        assert!(interrupts.take() && !interrupts.take_patience());
        interrupts.raise_patiently();
        interrupts.raise();
        assert!(interrupts.take() && interrupts.take_patience() && !interrupts.take_patience());
        assert!(interrupts.take(), "a second one is a second one");
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
