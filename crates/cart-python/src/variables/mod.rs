//! The variables that people set, and the values that they may have.
//!
//! In: a text. Out: a value that is sound, or none. It knows nothing of the other wings.

pub(crate) mod names;

pub(crate) mod entry_point;
pub mod interface;
pub(crate) mod mirror;
pub(crate) mod probe;
pub(crate) mod worker_class;
