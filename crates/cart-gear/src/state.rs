//! The word in `app-root/runtime/.state` that says what a gear is doing (node-contract.md,
//! control).

use std::fmt;

use cart_core::files::{self, FileError};

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

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

const WORDS: [(State, &str); 7] = [
    (State::New, "new"),
    (State::Building, "building"),
    (State::Deploying, "deploying"),
    (State::Started, "started"),
    (State::Stopped, "stopped"),
    (State::Idle, "idle"),
    (State::Unknown, "unknown"),
];

impl State {
    /// The state that the gear's file says; [`Unknown`](State::Unknown) when it says none.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        Self::named(&std::fs::read_to_string(layout.state_file()).unwrap_or_default())
    }

    /// The state that `word` names; [`Unknown`](State::Unknown) when it names none.
    #[must_use]
    pub fn named(word: &str) -> Self {
        WORDS
            .iter()
            .find(|(_, known)| *known == word.trim_end())
            .map_or(Self::Unknown, |(state, _)| *state)
    }

    /// Writes the gear's file.
    ///
    /// # Errors
    /// [`FileError`] naming it.
    pub fn write(self, layout: &Layout) -> Result<(), FileError> {
        files::write_atomic(&layout.state_file(), format!("{self}\n").as_bytes(), 0o660)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(state, _)| state == self);
        f.write_str(word.map_or("unknown", |(_, word)| word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_and_a_newline_are_written_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = camino::Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        assert_eq!(State::of(&layout), State::Unknown);
        for (state, word) in WORDS {
            state.write(&layout).unwrap();
            let written = std::fs::read_to_string(layout.state_file()).unwrap();
            assert_eq!(written, format!("{word}\n"));
            assert_eq!(State::of(&layout), state);
        }
    }
}
