//! Where things of a gear are on disk, and the small files that say what it is.
//!
//! In: paths. Out: paths, words, identities. It knows nothing of the other wings.

pub(crate) mod identity;
pub(crate) mod installed;
pub(crate) mod managed;
pub(crate) mod paths;
pub(crate) mod state;
