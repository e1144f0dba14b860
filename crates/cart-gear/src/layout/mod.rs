//! Where things of a gear are on disk, the small files that say what it is, and what all wings say when
//! something keeps them from it.
//!
//! In: paths. Out: paths, words, identities, errors. It knows nothing of the other wings.

pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod installed;
pub(crate) mod managed;
pub(crate) mod new_directory;
pub(crate) mod output;
pub(crate) mod paths;
pub(crate) mod state;
