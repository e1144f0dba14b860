//! The variables that people set, and the values that they may have.
//!
//! In: a text. Out: a value that is sound, or none. It knows nothing of the other wings.

pub(crate) mod names;

pub mod entry_point;
pub mod interface;
pub mod mirror;
pub mod probe;
pub mod worker_class;
