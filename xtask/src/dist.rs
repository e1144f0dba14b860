//! `cargo xtask dist`: from a development build quickly, or a release with everything proved that
//! can be proved here.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::CommandSpec;
use cart_core::files::{self, FileError};
use cart_core::manifest::{Manifest, ManifestError};
use cart_core::run::{self, RunError};

use crate::archive::{self, ArchiveError, Archives, Time};
use crate::args::DistArguments;
use crate::assemble::{self, AssembleError};
use crate::build::{self, BuildError};
use crate::download::{DownloadError, SourceUrl};
use crate::glibc::{self, GlibcError};
use crate::install::{self, PrepareError};
use crate::needs::Need;
use crate::nginx::{Compiler, NginxError, OwnNginx};
use crate::say::say;
use crate::tools::{ToolsError, Zig};
use crate::workspace::Workspace;

/// The cartridge from a development build; answers where it is.
pub(crate) fn development(
    workspace: &Workspace,
    with_nginx: bool,
) -> Result<Utf8PathBuf, DistError> {
    let nginx = nginx(workspace, with_nginx, Compiler::System)?;
    let programs = build::development(workspace)?;
    let cartridge = assemble::cartridge(workspace, &programs.cartridge, nginx.as_ref())?;
    say(&format!(
        "{cartridge} holds the cartridge (a development build; `cargo xtask dist` makes the one for nodes)"
    ));
    Ok(cartridge)
}

/// The cartridge as nodes get it, the archives, `gear`, and the manifest if a URL is given.
pub(crate) fn release(workspace: &Workspace, arguments: &DistArguments) -> Result<(), DistError> {
    install::prepare(workspace, Need::TO_RELEASE)?;
    let time = Time::from_env(&workspace.env)?;
    let zig = Zig::prepare(workspace)?;
    let nginx = nginx(workspace, arguments.with_nginx, Compiler::Zig(&zig))?;
    let programs = build::release(workspace, &zig)?;
    let cartridge = assemble::cartridge(workspace, &programs.cartridge, nginx.as_ref())?;
    let gear = cartridge.with_file_name("gear");
    files::write_atomic(&gear, &files::read(&programs.gear)?, 0o755)?;

    let manifest = cartridge.join("metadata/manifest.yml");
    let version = Manifest::read(&manifest)?.cartridge_version;
    let program = cartridge.join("usr/bin/advanced-python");
    proved(workspace, &program, &["--version"], &format!("advanced-python {version}"))?;
    proved(workspace, &gear, &["--version"], &format!("gear {version}"))?;
    if nginx.is_some() {
        let nginx = cartridge.join("usr/nginx/sbin/nginx");
        proved(workspace, &nginx, &["-v"], "nginx version: nginx/")?;
    }

    let archives = archive::pack(&cartridge, &version, time)?;
    say(&format!(
        "{cartridge} holds the cartridge, {} and {} the same packed",
        archives.tar, archives.zip
    ));
    if let Some(url) = &arguments.source_url {
        say(&format!("{} makes it downloadable", downloadable(url, &manifest, &archives)?));
    }
    Ok(())
}

fn nginx(
    workspace: &Workspace,
    wanted: bool,
    compiler: Compiler<'_>,
) -> Result<Option<OwnNginx>, DistError> {
    if !wanted {
        return Ok(None);
    }
    install::prepare(workspace, Need::TO_BUILD_NGINX)?;
    Ok(Some(OwnNginx::prepare(workspace, compiler)?))
}

fn downloadable(
    url: &SourceUrl,
    manifest: &Utf8Path,
    archives: &Archives,
) -> Result<Utf8PathBuf, DistError> {
    let text = String::from_utf8_lossy(&files::read(manifest)?).into_owned();
    let path = url.write_manifest(&text, archives)?;
    // A node refuses one that is no YAML; so do we.
    Manifest::read(&path)?;
    Ok(path)
}

/// Makes sure that a program needs no newer glibc than every node has, that it runs, and that it
/// says what it is.
fn proved(
    workspace: &Workspace,
    program: &Utf8Path,
    words: &[&str],
    wanted: &str,
) -> Result<(), DistError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let needs = glibc::check(program)?;
    let command = CommandSpec::new(program, &workspace.env).args(words.iter().copied());
    let output = run::checked(&command, LIMIT)?;
    // nginx says its version on standard error.
    let said = [output.stdout_text(), output.stderr_text()].concat();
    if !said.starts_with(wanted) {
        return Err(DistError::OtherVersion {
            command: command.to_string(),
            said,
            wanted: wanted.to_owned(),
        });
    }
    say(&format!("{} needs glibc {}.{}", workspace.shown(program), needs.major, needs.minor));
    Ok(())
}

/// A cartridge that must not be given to anybody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DistError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Nginx(#[from] NginxError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error(transparent)]
    Glibc(#[from] GlibcError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("what was built does not run: {0}")]
    Run(#[from] RunError),
    #[error(
        "`{command}` says {said:?} and not {wanted:?}: the version in Cargo.toml and the Cartridge-Version in cartridge/metadata/manifest.yml must be the same"
    )]
    OtherVersion { command: String, said: String, wanted: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn our_manifest() -> Utf8PathBuf {
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../cartridge/metadata/manifest.yml")
    }

    #[test]
    fn the_manifest_has_the_version_of_the_programs() {
        let manifest = Manifest::read(&our_manifest()).unwrap();
        assert_eq!(manifest.cartridge_version, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn our_manifest_is_one_for_downloads_with_two_more_lines() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let archives = Archives { tar: dir.join("a.tar.gz"), zip: dir.join("a.zip") };
        files::write_atomic(&archives.zip, b"zip", 0o644).unwrap();
        let url = SourceUrl::parse("https://example.com/a.zip").unwrap();
        let path = downloadable(&url, &our_manifest(), &archives).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), Manifest::read(&our_manifest()).unwrap());
        let lines = |path| String::from_utf8(files::read(path).unwrap()).unwrap().lines().count();
        assert_eq!(lines(&path), lines(&our_manifest()) + 2);
    }
}
