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
use cart_core::variables::Variable;

/// Every variable that people set for this cartridge, by the part that reads them: the one list of
/// which tables, `gear variables` and the doctor are made.
pub const SETTINGS: [(&str, &[Setting]); 2] =
    [("Python", cart_python::SETTINGS), ("nginx", cart_nginx::SETTINGS)];

/// All of [`SETTINGS`], in their order.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.into_iter().flat_map(|(_, settings)| settings)
}

/// The list that the cartridge brings along (`cart_core::variables`).
pub fn variables() -> impl Iterator<Item = Variable> {
    let of = |(part, settings): (&'static str, &'static [Setting])| {
        settings.iter().map(move |setting| Variable::of(setting, part))
    };
    SETTINGS.into_iter().flat_map(of)
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
