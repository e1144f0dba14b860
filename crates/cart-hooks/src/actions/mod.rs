//! What is asked of the cartridge beside a start and a stop.

pub(crate) mod doctor;
pub(crate) mod release;
pub(crate) mod status;
pub(crate) mod threaddump;
pub(crate) mod tidy;
pub(crate) mod update;
