//! What is written down while a gear is changed, so that whoever comes after a kill knows what to
//! put back: a deployment that goes on, one that waits for git, and a restore.

mod decision;
pub(crate) mod exchanged;
pub(crate) mod pending;
pub(crate) mod unfinished;
