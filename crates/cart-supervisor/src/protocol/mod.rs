//! What processes tell each other: a hook and the supervisor over its socket, the supervisor and its own
//! processes by words of the command line, a supervisor and its successor by files.
//!
//! In: nothing of the other folders. Out: data, and how it is written.

pub(crate) mod service;

pub(crate) mod messages;

pub(crate) mod subcommands;

pub(crate) mod handed_over;
pub(crate) mod record;
