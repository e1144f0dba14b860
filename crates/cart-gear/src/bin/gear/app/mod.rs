//! Commands on an app or a cartridge in a directory, without a gear that stays.

pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod image;
pub(crate) mod manifest;
pub(crate) mod prepare;
pub(crate) mod serve;
pub(crate) mod validate;
pub(crate) mod variables;
