//! What is brought along: programs that are built or downloaded once, and the tools for that.

pub(crate) mod build;
pub(crate) mod glibc;
pub(crate) mod nginx;
pub(crate) mod tools;
pub(crate) mod uv;
