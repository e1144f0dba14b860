//! Fake programs, for error paths only.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

/// An executable shell script called `name` in `directory`.
///
/// # Panics
/// When it cannot be written.
pub fn fake_program(directory: &Utf8Path, name: &str, script: &str) -> Utf8PathBuf {
    let path = directory.join(name);
    let text = format!("#!/bin/sh\n{script}\n");
    files::write_atomic(&path, text.as_bytes(), 0o755).unwrap_or_else(|e| panic!("{e}"));
    path
}
