//! Values that cannot stand in a configuration.

use camino::Utf8PathBuf;
use semver::Version;

use crate::text::quoted::QuoteError;

/// The longest path of the app's socket: `sun_path` has 108 bytes, the last is zero, and the last
/// spelling of the path takes three more.
pub(crate) const LONGEST_SOCKET_PATH: usize = 104;

/// A value that cannot stand in a configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// A path that cannot be quoted.
    #[error("nginx cannot be given the path {path:?}, which comes from {variable}: {problem}")]
    Path {
        /// The path.
        path: Utf8PathBuf,
        /// Where it comes from.
        variable: String,
        /// What is wrong with it.
        problem: QuoteError,
    },
    /// A folder that cannot be quoted.
    #[error("nginx cannot be given the folder {path:?}: {problem}")]
    Folder {
        /// The path.
        path: Utf8PathBuf,
        /// What is wrong with it.
        problem: QuoteError,
    },
    /// A path that would be a pattern.
    #[error(
        "nginx cannot be given the path {path:?}, which comes from {variable}: it holds a {found}, which nginx would take for a pattern"
    )]
    Pattern {
        /// The path.
        path: Utf8PathBuf,
        /// Where it comes from.
        variable: String,
        /// The character.
        found: char,
    },
    /// A path too long for a unix socket.
    #[error(
        "the app's socket {path} has a path of {length} bytes, but a unix socket's may have {LONGEST_SOCKET_PATH}: put the gear into a directory with a shorter path ({variable})"
    )]
    SocketPath {
        /// The path.
        path: Utf8PathBuf,
        /// Where it comes from.
        variable: String,
        /// Its length in bytes.
        length: usize,
    },
    /// Several sockets, and nothing that would give each client one.
    #[error(
        "each client is to stay with one worker, and this nginx {version} was built without http_upstream_hash_module, which sees to that: take another nginx, or one worker"
    )]
    NoHash {
        /// nginx's version.
        version: Version,
    },
    /// No host name.
    #[error("OPENSHIFT_APP_DNS is {value:?}, but must be a host name")]
    Host {
        /// What it holds.
        value: String,
    },
}
