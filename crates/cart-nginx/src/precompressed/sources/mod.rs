//! The files that a site serves: found, told apart by their endings, read.

pub(super) mod content;
pub(super) mod extensions;
pub(super) mod scan;
