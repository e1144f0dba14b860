//! Services as they are kept: each with the generation that serves, older ones that end, and its logs.
//!
//! In: what a service is. Out: processes on its sockets. One service knows nothing of another, nor of the
//! change under way.

pub(crate) mod instance;
mod returning;

pub(crate) mod draining;
pub(crate) mod memory;

pub(crate) mod supervised;

pub(crate) mod failing;
