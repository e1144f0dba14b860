#![doc = include_str!("../README.md")]

// In reading order: what a hook is given, what it does with it, what it says.
pub mod cartridge_dir;
pub mod env;
pub mod gear;
pub mod managed_files;
pub mod manifest;
pub mod setting;

pub mod command;
pub mod fault;
pub mod files;
pub mod glob;
pub mod inherited;
pub mod listening;
pub mod lock;
pub mod log_limits;
pub mod process;
pub mod programs;
pub mod run;
pub mod tail;
pub mod tree;
pub mod unix_sockets;
pub mod wait;

pub mod cartridge;
pub mod entry;
pub mod exit_code;
pub mod message;

pub mod validate;

pub use cartridge::{Cartridge, Context};
pub use cartridge_dir::CartridgeDir;
pub use command::CommandSpec;
pub use env::GearEnv;
pub use gear::Gear;
pub use log_limits::LogLimits;
pub use setting::{Setting, SettingError};
