//! The environment of all these tests, and the program.

use std::path::{Path, PathBuf};
use std::process::Output;

/// What each template sees.
pub(crate) const ENVIRONMENT: [(&str, &str); 4] = [
    ("A", "a"),
    ("HOST", "app-dom.example.com"),
    ("N", "42"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
];

/// `cart-erb`
pub(crate) fn cart_erb() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_cart-erb"))
}

/// Runs a program in a folder with exactly the given environment.
pub(crate) fn run(program: &Path, args: &[&str], folder: &Path, env: &[(&str, &str)]) -> Output {
    duct::cmd(program, args)
        .dir(folder)
        .full_env(env.iter().copied())
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()))
}

/// Writes a file of a test.
#[expect(clippy::disallowed_methods, reason = "a file of a test that nobody else reads")]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
