//! What the one who drives a gear learns while it works, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    pending: Arc<AtomicUsize>,
}

impl Interrupts {
    /// Asks for an end once more. May be called from any thread.
    pub fn raise(&self) {
        self.pending.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether somebody asked for an end since this was last answered with yes.
    #[must_use]
    pub fn take(&self) -> bool {
        let one_less = |pending: usize| pending.checked_sub(1);
        self.pending.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
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
}
