//! What is brought along: programs that are built or downloaded once, and the tools for that; and what
//! tests expect.

pub(crate) mod build;
pub(crate) mod fixtures;
pub(crate) mod glibc;
pub(crate) mod nginx;
pub(crate) mod tools;
pub(crate) mod uv;
