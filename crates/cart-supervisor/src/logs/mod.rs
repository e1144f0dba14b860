//! What services print, and the supervisor itself: written to files that are moved on when they are full,
//! and read again for messages.
//!
//! In: bytes, and how much of them is kept. Out: files, and their last lines.

pub(crate) mod rotating;
pub(crate) mod tail;

pub(crate) mod collector;
pub(crate) mod own;
pub(crate) mod writer;

pub(crate) mod supervisor_log;
