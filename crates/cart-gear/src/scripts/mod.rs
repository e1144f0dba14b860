//! How a script is run, what it prints and to whom, and which processes it leaves.
//!
//! In: a command and an environment. Out: how it ended, line by line.

pub(crate) mod action_hooks;
pub mod answer;
pub mod processes;
pub(crate) mod progress;
pub(crate) mod run;
