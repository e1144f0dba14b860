//! What a rendering gets and gives: the world that a template sees, the text with where it came from,
//! the error.

pub(crate) mod context;
pub(crate) mod error;
pub mod fallback;
pub(crate) mod rendered;
