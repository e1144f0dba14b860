//! What services print: written to files that are moved on when they are full, and read again for
//! messages.

pub(crate) mod collector;
pub(crate) mod own;
pub(crate) mod rotating;
pub(crate) mod tail;
pub(crate) mod writer;
