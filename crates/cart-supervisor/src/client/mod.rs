//! The other side: how a hook finds a cartridge's supervisor, starts it and speaks with it.
//!
//! In: a cartridge's directories, wishes. Out: a supervisor that lives, and its answers. A supervisor's
//! own processes go this way, too, to start the next one.

pub(crate) mod family;
pub(crate) mod socket;
pub(crate) mod supervisor_process;
