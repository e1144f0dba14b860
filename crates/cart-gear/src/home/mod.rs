//! The directory with a person's gears, and the life of each: made, found, locked, operated, upgraded,
//! destroyed, started with the machine.
//!
//! In: names. Out: gears, one command at a time for each.

pub(crate) mod gears;
pub(crate) mod lock;
pub mod names;
pub(crate) mod record;

pub(crate) mod create;
mod left_over;
pub(crate) mod lifecycle;
pub(crate) mod operations;
pub(crate) mod throwaway;

pub mod boot;
pub mod upgrade;
