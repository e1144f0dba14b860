//! The gear's repository, and the git that keeps it.

mod program;
mod repository;

pub(crate) use program::Git;
pub(crate) use repository::{Commit, Receiver, Repository, no_code};
