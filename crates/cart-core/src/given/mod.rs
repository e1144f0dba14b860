//! What a hook is given: the gear and its environment, the cartridge's directory and files, settings.

pub mod cartridge_dir;
pub mod env;
pub mod gear;
pub(crate) mod log_format;
pub mod log_limits;
pub mod managed_files;
pub mod manifest;
pub mod setting;
pub mod variables;
