//! `gear` and the cartridge as a package of Debian and its relatives. `dpkg-deb` packs it; what is in it,
//! and where, is decided here.

use std::os::unix::fs::symlink;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::programs::{self, ProgramError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, tree};

use crate::archive::Time;
use crate::assemble;
use crate::copy::{copy, make};
use crate::made::glibc::OLDEST;
use crate::workspace::Workspace;

const NAME: &str = "advanced-python";

/// What is packed.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// The assembled cartridge.
    pub(crate) cartridge: &'a Utf8Path,
    /// The program `gear`.
    pub(crate) gear: &'a Utf8Path,
    /// What `gear generate` wrote.
    pub(crate) share: &'a Utf8Path,
    /// Whether the cartridge brings an nginx; else it must come from Debian.
    pub(crate) brings_nginx: bool,
}

/// Writes `NAME_VERSION_ARCHITECTURE.deb` into `directory`, and answers its path.
pub(crate) fn pack(
    workspace: &Workspace,
    parts: &Parts<'_>,
    version: &str,
    time: Time,
    directory: &Utf8Path,
) -> Result<Utf8PathBuf, DebianError> {
    const LIMIT: Duration = Duration::from_secs(120);
    let tool = |name| programs::find(name, &workspace.env, &[]);
    let asked = CommandSpec::new(tool("dpkg")?, &workspace.env).arg("--print-architecture");
    let architecture = run::checked(&asked, LIMIT)?.stdout_text().trim().to_owned();
    let package = directory.join(format!("{NAME}_{version}_{architecture}.deb"));

    let root = directory.join(".deb.new");
    tree::discard(&root)?;
    fill(&root, workspace, parts)?;
    assemble::set_modes(&root)?;
    make(&root.join("DEBIAN"))?;
    let control = control(version, &architecture, parts.brings_nginx);
    files::write_atomic(&root.join("DEBIAN/control"), control.as_bytes(), 0o644)?;

    let words = ["--root-owner-group", "-Zgzip", "--build", root.as_str(), package.as_str()];
    let command = CommandSpec::new(tool("dpkg-deb")?, &workspace.env).args(words);
    run::checked(&command.env("SOURCE_DATE_EPOCH", time.0.to_string()), LIMIT)?;
    tree::discard(&root)?;
    Ok(package)
}

/// `gear` stands beside the cartridge, which is how it finds it; on everybody's PATH is a link to it.
fn fill(root: &Utf8Path, workspace: &Workspace, parts: &Parts<'_>) -> Result<(), FileError> {
    let (lib, share) = (root.join("usr/lib").join(NAME), root.join("usr/share"));
    for directory in [&root.join("usr/bin"), &lib, &share.join("doc").join(NAME)] {
        make(directory)?;
    }
    copy(parts.cartridge, &lib.join(NAME))?;
    copy(parts.gear, &lib.join("gear"))?;
    let link = root.join("usr/bin/gear");
    symlink(format!("../lib/{NAME}/gear"), &link)
        .map_err(|error| FileError::new("make the link", &link, error))?;
    copy(parts.share, &share)?;
    // Where Debian's zsh looks.
    let (zsh, debians) = (share.join("zsh/site-functions"), share.join("zsh/vendor-completions"));
    std::fs::rename(&zsh, debians).map_err(|error| FileError::new("move", &zsh, error))?;
    copy(&workspace.root.join("LICENSE"), &share.join("doc").join(NAME).join("copyright"))
}

fn control(version: &str, architecture: &str, brings_nginx: bool) -> String {
    let nginx = if brings_nginx { "" } else { ", nginx" };
    let (major, minor) = (OLDEST.major, OLDEST.minor);
    format!(
        "Package: {NAME}
Version: {version}
Architecture: {architecture}
Maintainer: Advanced Python <root@localhost>
Depends: libc6 (>= {major}.{minor}), python3 (>= 3.6), python3-venv, git{nginx}
Recommends: ca-certificates
Section: web
Priority: optional
Description: Python web applications behind nginx, on gears
 The program gear makes gears on one machine as OpenShift v2 does, and the
 Advanced Python cartridge beside it serves any Python app on them: nginx in
 front, the Python server of your choice behind, no request lost on restart,
 deploy or crash.
"
    )
}

/// A package that was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DebianError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("a Debian package is made by dpkg-deb, of Debian's package dpkg: {0}")]
    NoProgram(#[from] ProgramError),
    #[error("the Debian package was not made: {0}")]
    Run(#[from] RunError),
}

#[cfg(test)]
mod tests;
