//! A gear in one file, and out of it again.
//!
//! In: a gear, or an archive that somebody else wrote. Out: the archive, or the gear as it was.

mod archive;
mod exclusions;
pub(crate) mod take;

mod names;
pub(crate) mod restore;
mod restored_deployment;
mod transforms;
mod unpack;
