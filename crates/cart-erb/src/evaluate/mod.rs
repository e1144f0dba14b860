//! From the tree to a text: the walk through its nodes, and the methods that they call.

pub(crate) mod call;
pub(crate) mod format;
pub(crate) mod names;
pub(crate) mod walk;
