//! The way from `main` to a cartridge and back: what is asked of it, how it answers.

pub mod cartridge;
pub mod entry;
pub mod exit_code;
pub mod message;
