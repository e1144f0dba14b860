#![doc = include_str!("../README.md")]

// From the ground up: a folder imports from those above it in this list, never from one below.
mod disk;

mod given;

mod processes;

mod sockets;

mod hooks;

pub mod validate;

pub use disk::{fault, files, glob, tail, tree};

pub use given::cartridge_dir::CartridgeDir;
pub use given::env::GearEnv;
pub use given::gear::Gear;
pub use given::log_format::LogFormat;
pub use given::log_limits::LogLimits;
pub use given::setting::{Setting, SettingError};
pub use given::{
    cartridge_dir, env, gear, log_limits, managed_files, manifest, setting, variables,
};

pub use processes::command::CommandSpec;
pub use processes::{command, inherited, lock, process, programs, run, wait};

pub use sockets::{listening, unix_sockets};

pub use hooks::cartridge::{Cartridge, Context};
pub use hooks::{cartridge, entry, exit_code, message};
