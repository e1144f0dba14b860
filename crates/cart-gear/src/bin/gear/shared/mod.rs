//! What all commands share: who calls, on which gear, how failures end, what a terminal shows.

pub(crate) mod beside;
pub(crate) mod caller;
pub(crate) mod context;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod terminal;
