//! What a running server takes of its gear, and the files that are written for it.
//!
//! In: limits and figures of the kernel. Out: how many workers there are to be, what they take and where
//! they are. It knows nothing of the other wings.

pub(crate) mod cgroup;
pub mod memory;
pub mod sizing;

pub mod stacks;
pub mod support;
