//! What is asked of the cartridge beside a start.

pub(crate) mod container;
pub(crate) mod doctor;
pub(crate) mod packages;
pub(crate) mod release;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod threaddump;
pub(crate) mod tidy;
pub(crate) mod unready;
pub(crate) mod update;
