//! Building the two programs that the tasks need: for this machine while developing, for an old
//! glibc when they are released.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::{self, RunError};

use crate::made::glibc;
use crate::made::tools::Zig;
use crate::workspace::Workspace;

/// How long cargo may take to fetch sources.
pub(crate) const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

const PACKAGES: [&str; 8] =
    ["-p", "cart-hooks", "--bin", "advanced-python", "-p", "cart-gear", "--bin", "gear"];

/// What was built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The cartridge's one program.
    pub(crate) cartridge: Utf8PathBuf,
    /// The node's side.
    pub(crate) gear: Utf8PathBuf,
}

/// A development build, which is made faster. Both programs are built at once, which lets them
/// share what they depend on.
pub(crate) fn development(workspace: &Workspace) -> Result<Programs, BuildError> {
    run::foreground(&workspace.cargo(&[&["build"], &PACKAGES[..]].concat()))?;
    built(&workspace.target.join("debug"))
}

/// What a node gets: linked for a glibc that every node has.
pub(crate) fn release(workspace: &Workspace, zig: &Zig) -> Result<Programs, BuildError> {
    let target = format!("{}.{}.{}", host(), glibc::OLDEST.major, glibc::OLDEST.minor);
    let words = [&["--release", "--target", &target], &PACKAGES[..]].concat();
    run::foreground(&zig.cargo_build(workspace, &words))?;
    built(&workspace.target.join(host()).join("release"))
}

/// The machine's kind, as Rust names it: a cartridge is made for machines like this one.
pub(crate) fn host() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// What C is linked for, as zig names it.
pub(crate) fn linked_for() -> String {
    let (major, minor) = (glibc::OLDEST.major, glibc::OLDEST.minor);
    format!("{}-linux-gnu.{major}.{minor}", std::env::consts::ARCH)
}

fn built(directory: &Utf8Path) -> Result<Programs, BuildError> {
    let built = |name: &str| {
        let path = directory.join(name);
        if path.is_file() { Ok(path) } else { Err(BuildError::Elsewhere { path }) }
    };
    Ok(Programs { cartridge: built("advanced-python")?, gear: built("gear")? })
}

/// A program that was not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Cargo(#[from] RunError),
    #[error(
        "cargo built no {path}: a configured build.target puts programs elsewhere; unset CARGO_BUILD_TARGET for this task"
    )]
    Elsewhere { path: Utf8PathBuf },
}
