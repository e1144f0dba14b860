//! What services print: written to files that are moved on when they are full, and read again for
//! messages.

mod collector;
mod own;
mod rotating;
mod tail;
mod writer;

pub(crate) use collector::{Collector, HandedCollector};
pub(crate) use own::OwnLogs;
pub(crate) use rotating::RotatingFile;
pub(crate) use tail::Mark;
pub(crate) use writer::{WRITE_LOG, write_log};
