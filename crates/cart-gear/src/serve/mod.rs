//! From an app in a directory to one that answers, and looking after it: what `gear serve`, `gear
//! create` and `gear doctor` do.
//!
//! In: an app. Out: an address, and lines of logs. Nothing is above it but commands.

pub(crate) mod bring_up;
pub(crate) mod doctor;
pub mod follow;
pub(crate) mod foreground;
pub(crate) mod image;
pub(crate) mod keep;
pub(crate) mod prepared;
mod watchman;
