//! A gear in one file, and out of it again.
//!
//! In: a gear, or an archive that somebody else wrote. Out: the archive, the gear as it was, or what is an
//! app's of it, for places without gears.

mod archive;
mod exclusions;
pub(crate) mod take;

pub(crate) mod extract;
mod names;
pub(crate) mod restore;
mod restored_deployment;
mod transforms;
mod unpack;
