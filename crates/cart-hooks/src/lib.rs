#![doc = include_str!("../README.md")]

mod advanced_python;
mod bring_up;
mod doctor;
mod figures;
mod good;
mod last_good;
mod measured;
mod memory;
mod metrics;
mod official;
mod ready;
mod release;
mod serve_metrics;
mod services;
mod session;
mod state;
mod static_files;
mod threaddump;
mod tidy;
mod update;
mod watch_files;

pub mod error;
pub mod messages;

pub use advanced_python::AdvancedPython;
pub use error::Error;
pub use figures::{KINDS, Kind};

use std::process::ExitCode;

use cart_core::Setting;

/// Every variable that people set for this cartridge, in the order of the README's table.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    cart_python::SETTINGS.iter().chain(cart_nginx::SETTINGS)
}

/// The whole `main` of the cartridge's program: a hook by the name that it is called by, or one of the
/// processes that hooks and the supervisor start with it.
#[must_use]
pub fn main() -> ExitCode {
    match serve_metrics::run().or_else(watch_files::run) {
        Some(code) => code,
        None => cart_supervisor::main(&AdvancedPython),
    }
}
