//! The formats of locks, a file each, and what some of them have in common: the way from what is asked
//! for to the packages of a lock.

pub(super) mod pdm;
pub(super) mod pipfile;
pub(super) mod pipfile_lock;
pub(super) mod poetry;
pub(super) mod pylock;
pub(super) mod uv;

mod graph;
mod walk;
