//! One gear on this machine, and what can be asked of it without changing what it serves.
//!
//! In: a home with a cartridge in it. Out: a [`GearOnDisk`](crate::GearOnDisk), to which the wings above
//! add what they do with one.

pub(crate) mod erb_templates;
pub(crate) mod figures;
pub(crate) mod on_disk;
pub(crate) mod open;
pub(crate) mod options;
mod session;
pub(crate) mod template_app;
pub(crate) mod validate;
