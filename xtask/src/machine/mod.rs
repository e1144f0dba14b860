//! What the tasks need of the machine: whether it is there, and how it comes there.

pub(crate) mod containers;
pub(crate) mod install;
pub(crate) mod needs;
