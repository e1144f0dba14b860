//! Descriptors that this process inherited from whoever started it.

#![expect(
    unsafe_code,
    reason = "taking over descriptors by number cannot be checked by the compiler"
)]

use std::io;

pub use command_fds::inherited::{InheritedFdError, take_fd_ownership as take};

/// Marks every inherited descriptor but 0, 1 and 2 close-on-exec, so that no daemon keeps one
/// open: a node waits for the end of every pipe that it opened (node-contract.md, Running
/// scripts). Afterwards a known one can be had with [`take`]. To be called once, first in `main`.
///
/// # Errors
/// When `/proc/self/fd` cannot be read.
pub fn adopt() -> io::Result<()> {
    // SAFETY: called first in `main`, before this process has opened any descriptor of its own.
    unsafe { command_fds::inherited::init_inherited_fds() }
}

/// Closes what was inherited and nobody has [taken](take): a socket that somebody else must be able
/// to open, say.
pub fn close_rest() {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> =
        entries.filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok())).collect();
    numbers.into_iter().for_each(|number| drop(take(number)));
}
