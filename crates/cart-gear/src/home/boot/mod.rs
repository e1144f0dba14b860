//! All gears, when the machine starts and ends.

pub mod systemd;
mod turn;
mod unit;

pub use turn::{Outcome, Turn, Turned, turn_all};
pub use unit::{SYSTEM_DIRECTORY, Unit, Whose, user_directory};
