//! From text to a running nginx: tested, put in place, taken over.

pub(crate) mod complaint;
pub(crate) mod nginx;
mod reach;
pub mod service;
pub(crate) mod stage;
