#![doc = include_str!("../README.md")]

// From the ground up: a folder imports from those above it in this list, never from one below.
pub mod error;
mod names;

pub mod messages;

mod running;

mod gear;

mod start;

mod actions;

mod advanced_python;

pub use advanced_python::AdvancedPython;
pub use error::Error;
pub use running::figures::{KINDS, Kind};

use std::process::ExitCode;

use cart_core::Setting;

/// Every variable that people set for this cartridge, in the order of the table in `docs/variables.md`.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    cart_python::SETTINGS.iter().chain(cart_nginx::SETTINGS)
}

/// The whole `main` of the cartridge's program: a hook by the name that it is called by, or one of the
/// processes that hooks and the supervisor start with it.
#[must_use]
pub fn main() -> ExitCode {
    match running::serve_metrics::run().or_else(gear::watch_files::run) {
        Some(code) => code,
        None => cart_supervisor::main(&AdvancedPython),
    }
}
