//! Files and directories: read, written, copied, removed, and what is wrong when that fails.

pub mod fault;
pub mod files;
pub mod glob;
pub mod tail;
pub mod tree;
