//! The word in `app-root/runtime/.state` that says what a gear is doing, and the stop lock beside it,
//! which says that its user stopped it (node-contract.md, control). Changing them needs no room on the
//! disk: who stops an app may do so because the disk is full.

use std::fmt;

use cart_core::files::{self, FileError};

use serde::de::value::{self, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::layout::paths::Layout;

/// What a gear is doing, in the node's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Made, never built.
    New,
    /// A build runs.
    Building,
    /// A build is being put in place.
    Deploying,
    /// Should run.
    Started,
    /// Stopped on purpose.
    Stopped,
    /// Stopped because nobody asked for it.
    Idle,
    /// Nobody knows.
    Unknown,
}

impl State {
    /// The state that the gear's file says; [`Unknown`](State::Unknown) when it says none.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        Self::named(&std::fs::read_to_string(layout.state_file()).unwrap_or_default())
    }

    /// The state that `word` names; [`Unknown`](State::Unknown) when it names none.
    #[must_use]
    pub fn named(word: &str) -> Self {
        let word = StrDeserializer::<value::Error>::new(word.trim_end());
        Self::deserialize(word).unwrap_or(Self::Unknown)
    }

    /// Writes the gear's file.
    ///
    /// # Errors
    /// [`FileError`] naming it.
    pub fn write(self, layout: &Layout) -> Result<(), FileError> {
        files::write_on_full_disk(&layout.state_file(), format!("{self}\n").as_bytes(), 0o660)
    }
}

/// Both marks of a gear, which change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// What it is doing.
    pub state: State,
    /// Whether its user stopped it: nobody else starts it then.
    pub stop_lock: bool,
}

impl Marks {
    /// Sets both, or none.
    ///
    /// # Errors
    /// [`FileError`] naming the one that could not be set.
    pub(crate) fn set(self, layout: &Layout) -> Result<(), FileError> {
        let before = layout.stop_lock().exists();
        set_stop_lock(self.stop_lock, layout)?;
        self.state.write(layout).inspect_err(|_| {
            // The only way back; why the state could not be written is the error to tell.
            let _ = set_stop_lock(before, layout);
        })
    }
}

/// The stop lock is taken off by renaming it, so that it can be put on again when there is no room for
/// a file.
fn set_stop_lock(on: bool, layout: &Layout) -> Result<(), FileError> {
    let (lock, spare) = (layout.stop_lock(), layout.spare_stop_lock());
    let make = |path| files::write_atomic(path, b"", 0o640);
    match (on, lock.exists()) {
        (true, true) => Ok(()),
        (true, false) => files::rename(&spare, &lock).or_else(|_| make(&lock)),
        (false, true) => files::rename(&lock, &spare),
        (false, false) => {
            if !spare.exists() {
                // Without it the next stop makes one, if there is room then.
                let _ = make(&spare);
            }
            Ok(())
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_marks_are_set_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let home = camino::Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        let is = || Marks { state: State::of(&layout), stop_lock: layout.stop_lock().exists() };
        let started = Marks { state: State::Started, stop_lock: false };
        let stopped = Marks { state: State::Stopped, stop_lock: true };
        for marks in [stopped, started, started, stopped, stopped, started] {
            marks.set(&layout).unwrap();
            assert_eq!(is(), marks);
            assert!(marks.stop_lock || layout.spare_stop_lock().exists(), "the next needs room");
        }
        // A state that cannot be written, by root neither.
        let state = layout.state_file();
        std::fs::remove_file(&state).unwrap();
        std::fs::create_dir_all(state.join("in/the/way")).unwrap();
        let unknown = Marks { state: State::Unknown, stop_lock: false };
        assert!(stopped.set(&layout).is_err());
        assert_eq!(is(), unknown);
    }

    #[test]
    fn a_word_and_a_newline_are_written_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = camino::Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        assert_eq!(State::of(&layout), State::Unknown);
        for (state, word) in [
            (State::New, "new"),
            (State::Building, "building"),
            (State::Deploying, "deploying"),
            (State::Started, "started"),
            (State::Stopped, "stopped"),
            (State::Idle, "idle"),
            (State::Unknown, "unknown"),
        ] {
            state.write(&layout).unwrap();
            let written = std::fs::read_to_string(layout.state_file()).unwrap();
            assert_eq!(written, format!("{word}\n"));
            assert_eq!(State::of(&layout), state);
        }
    }
}
