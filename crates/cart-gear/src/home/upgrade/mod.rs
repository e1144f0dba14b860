//! A newer version of its cartridge on a gear.

mod added_endpoints;
mod cartridge;
mod error;
mod overlay;

pub use cartridge::{SameVersion, Upgraded, upgrade};
pub use error::UpgradeError;
