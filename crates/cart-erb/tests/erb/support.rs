//! The environment of all these tests, and the two programs.

use std::path::{Path, PathBuf};
use std::process::Output;

/// Sorted by name, as the standard library hands an environment to a program.
pub(crate) const ENVIRONMENT: [(&str, &str); 20] = [
    ("A", "a"),
    ("EMPTY", ""),
    ("HOST", "app-dom.example.com"),
    ("LANG", "C.UTF-8"),
    ("LIST", "a,b,,c,,"),
    ("N", "42"),
    ("NL", "l1\nl2\n"),
    ("OPENSHIFT_ADVANCED_PYTHON_DIR", "/var/lib/openshift/1/advanced-python/"),
    ("OPENSHIFT_ADVANCED_PYTHON_IP", "127.1.2.3"),
    ("OPENSHIFT_ADVANCED_PYTHON_PORT", "8080"),
    ("OPENSHIFT_APP_DNS", "app-dom.example.com"),
    ("OPENSHIFT_GEAR_MEMORY_MB", "512"),
    ("OPENSHIFT_PYTHON_LOG_DIR", "/var/lib/openshift/1/app-root/logs/"),
    ("OPENSHIFT_REPO_DIR", "/var/lib/openshift/1/app-root/runtime/repo/"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("PATHS", "/usr/bin:/bin::/x"),
    ("SP", "  x y  "),
    ("U", "héé"),
    ("Z", "\u{e9}"),
    ("ZERO", "0"),
];

/// The environment of the expressions: the same without the names of a gear.
pub(crate) fn small_environment() -> Vec<(&'static str, &'static str)> {
    let small = |(name, _): &(&str, &str)| !name.starts_with("OPENSHIFT_") && *name != "Z";
    ENVIRONMENT.into_iter().filter(small).collect()
}

/// Where the files of these tests are.
pub(crate) fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Ruby's own program.
pub(crate) fn real_erb() -> PathBuf {
    which::which("erb").expect(
        "these tests compare with a real `erb`, and none is on the search path: \
         install Ruby (Debian: apt-get install ruby; Fedora: dnf install ruby)",
    )
}

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
