//! A Cloud Native Buildpack of `gear` and the cartridge, as a directory (Buildpack API 0.10).

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::tree;

use crate::assemble;
use crate::copy::{copy, make};
use crate::workspace::Workspace;

/// Writes it into `directory`, which is replaced if it holds one.
pub(crate) fn write(
    workspace: &Workspace,
    gear: &Utf8Path,
    cartridge: &Utf8Path,
    directory: &Utf8Path,
) -> Result<(), FileError> {
    if directory.join("buildpack.toml").is_file() {
        tree::discard(directory)?;
    }
    make(directory)?;
    copy(&workspace.root.join("xtask/buildpack"), directory)?;
    copy(gear, &directory.join("gear"))?;
    copy(cartridge, &directory.join(assemble::NAME))?;
    assemble::set_modes(directory)
}
