//! What the integration tests and the program `lost` have in common: the cartridge under test, the
//! processes on its gears, and changes under load of which nothing may be lost.
//!
//! As the tests, it panics when something is not as it must be.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod autobahn;
pub mod bench;
pub mod cartridge;
pub mod conformance;
pub mod containers;
pub mod desync;
pub mod faults;
pub mod figures;
pub mod lost;
pub mod pods;
pub mod processes;
pub mod pypi;
pub mod scripts;
pub mod way;
