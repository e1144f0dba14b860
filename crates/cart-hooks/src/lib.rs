#![doc = include_str!("../README.md")]

mod advanced_python;
mod bring_up;
mod doctor;
mod good;
mod last_good;
mod measured;
mod memory;
mod metrics;
mod official;
mod ready;
mod release;
mod services;
mod session;
mod state;
mod static_files;
mod threaddump;
mod tidy;
mod update;

pub mod error;
pub mod messages;

pub use advanced_python::AdvancedPython;
pub use error::Error;

use cart_core::Setting;

/// Every variable that people set for this cartridge, in the order of the README's table.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    cart_python::SETTINGS.iter().chain(cart_nginx::SETTINGS)
}
