//! From an app in a directory to one that answers, and looking after it: what `gear serve`, `gear
//! create` and `gear doctor` do; and to what a cluster is told of it, `gear manifest`.
//!
//! In: an app. Out: an address, lines of logs, or text. Nothing is above it but commands.

mod asked;
pub(crate) mod bring_up;
pub(crate) mod doctor;
pub mod follow;
pub(crate) mod foreground;
pub(crate) mod image;
pub(crate) mod keep;
pub mod kubernetes;
pub(crate) mod prepared;
mod watchman;
