//! What is measured: a part is one file, and one line here.

mod app;
mod files;

use super::rounds::Contest;
use super::{Bench, Interrupted};

/// One subject, measured within ten minutes.
#[derive(Debug)]
pub struct Part {
    /// How it is called.
    pub name: &'static str,
    /// What is measured, in one line.
    pub about: &'static str,
    /// Plays its contests, and tells each when it is over.
    pub play: fn(&Bench, Told<'_>) -> Result<Vec<Contest>, Interrupted>,
}

/// What is done with a contest when it is over.
pub type Told<'a> = &'a mut dyn FnMut(&Contest);

/// All of them, in the order in which they are played.
pub const PARTS: &[Part] = &[
    Part { name: "app", about: "a small answer of each Python server", play: app::play },
    Part { name: "static", about: "files: 1 KB, 100 KB, any of ten thousand", play: files::play },
];

/// Their names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PARTS.iter().map(|part| part.name).collect()
}
