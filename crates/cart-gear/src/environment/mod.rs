//! What a script is given: the variables of a gear, and the addresses that it gets.
//!
//! In: a [`Layout`](crate::Layout). Out: environments and endpoints.

pub(crate) mod endpoint;
pub(crate) mod gear_variables;
pub(crate) mod sources;
pub mod user_variables;
