//! From a push to an app that serves, in reading order: what is pushed, received, built and put in
//! place, and what is put back when that fails or is killed.
//!
//! In: code, as a commit or a directory. Out: a deployment that serves, or the one before it.

pub(crate) mod pushed;
pub(crate) mod receive;
pub(crate) mod without_push;

pub(crate) mod line;

pub(crate) mod build;
pub(crate) mod rollback;

pub mod deployments;
pub(crate) mod git;
pub(crate) mod recovery;
