//! Where nginx's files are in a cartridge's directory.

use camino::Utf8PathBuf;
use cart_core::CartridgeDir;

/// The configuration that nginx is started with.
pub const MAIN_FILE: &str = "nginx.conf";
/// What the server block may count on: the upstream and the variables.
pub const APPSERVER_FILE: &str = "nginx.appserver.conf";
/// Our server block, or the app's rendered `nginx.conf.erb`.
pub const SERVER_FILE: &str = "nginx.server.conf";

/// The configuration that nginx is started with.
#[must_use]
pub fn main_file(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.conf().join(MAIN_FILE)
}

/// Where a configuration waits until it has been tested, beside `conf/`.
#[must_use]
pub fn stage(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.path().join("conf.next")
}

/// What nginx has to complain.
#[must_use]
pub fn error_log(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.logs().join("nginx-error.log")
}

/// A line for each request.
#[must_use]
pub fn access_log(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.logs().join("nginx-access.log")
}

/// There until nginx has obeyed the configuration that was put in place.
pub(crate) fn pending_file(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.run().join("nginx.pending")
}

/// Written by nginx's master; for people and their scripts, nothing here reads it.
#[must_use]
pub fn pid_file(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.run().join("nginx.pid")
}

/// Bodies of requests and answers that are too big for memory.
#[must_use]
pub fn temporary_files(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.run().join("nginx")
}

/// Static files, compressed when the app was deployed.
#[must_use]
pub fn precompressed(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.path().join("precompressed")
}

/// Where the process listens that tells figures to Prometheus.
#[must_use]
pub fn metrics_socket(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.run().join("metrics.sock")
}

/// The template's name, in the root of the app's repository.
pub const FILE_NAME: &str = "nginx.conf.erb";

/// The three files of `conf/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// `nginx.conf`
    pub main: Vec<u8>,
    /// `nginx.appserver.conf`
    pub appserver: Vec<u8>,
    /// `nginx.server.conf`
    pub server: Vec<u8>,
}
