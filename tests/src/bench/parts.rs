//! What is measured: a part is one file, and one line here.

mod app;
mod build;
mod density;
mod directives;
mod files;
mod hooks;
mod websocket;

use super::figures::Figures;
use super::rounds::Contest;
use super::{Bench, Interrupted};

/// One subject, measured within ten minutes.
#[derive(Debug)]
pub struct Part {
    /// How it is called.
    pub name: &'static str,
    /// What is measured, in one line.
    pub about: &'static str,
    /// Measures it, and tells each outcome when it is there.
    pub play: fn(&Bench, Told<'_>) -> Result<(), Interrupted>,
    /// Whether `--check` has something to say of it.
    pub checks: bool,
}

/// What comes of a part.
#[derive(Debug)]
pub enum Outcome {
    /// Candidates under one load.
    Contest(Contest),
    /// Figures of another kind.
    Figures(Figures),
}

/// What is done with an outcome.
pub type Told<'a> = &'a mut dyn FnMut(Outcome);

/// All of them, in the order in which they are played.
pub const PARTS: &[Part] = &[
    part("app", "a small answer of each Python server", app::play, true),
    part("static", "files: 1 KB, 100 KB, any of ten thousand", files::play, true),
    part("directives", "our nginx with one directive changed at a time", directives::play, false),
    part("websocket", "messages that come back, and 5,000 that are silent", websocket::play, false),
    part("hooks", "start, restart, push and all else that people wait for", hooks::play, false),
    part("build", "installing packages, beside pip and uv", build::play, false),
    part("density", "many gears on one machine, and one at rest", density::play, false),
];

/// Their names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PARTS.iter().map(|part| part.name).collect()
}

const fn part(
    name: &'static str,
    about: &'static str,
    play: fn(&Bench, Told<'_>) -> Result<(), Interrupted>,
    checks: bool,
) -> Part {
    Part { name, about, play, checks }
}
