//! Exit codes of hooks, which people and nodes tell apart.

/// Done; for `status`: running and answering.
pub const DONE: u8 = 0;
/// The operation failed; the message says why.
pub const FAILED: u8 = 1;
/// The hook was called with arguments that it does not know.
pub const USAGE: u8 = 2;
/// Nothing runs: `status`, and actions that need something that does, such as `threaddump`.
pub const NOT_RUNNING: u8 = 3;
/// `status`: something runs, but does not answer.
pub const NOT_ANSWERING: u8 = 4;
/// Something that a person set or wrote is wrong: a variable, a configuration, the app.
pub const CONFIGURATION: u8 = 5;
/// Another hook of the cartridge held the lock for too long.
pub const BUSY: u8 = 6;
