//! Commands that make, show, move and end gears.

pub(crate) mod boot;
pub(crate) mod create;
pub(crate) mod destroy;
pub(crate) mod list;
pub(crate) mod operate;
pub(crate) mod status;
mod summary;
pub(crate) mod top;
pub(crate) mod upgrade;
