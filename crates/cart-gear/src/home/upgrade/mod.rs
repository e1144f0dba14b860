//! A newer version of its cartridge on a gear.

mod added_endpoints;
mod cartridge;
mod overlay;

pub use cartridge::{SameVersion, Upgraded, upgrade};
