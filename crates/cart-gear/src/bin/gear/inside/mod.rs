//! Commands on what is in a gear: its variables, its logs, its data, a session on it.

pub(crate) mod env;
pub(crate) mod extract;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod tail;
