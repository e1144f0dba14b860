//! `cargo xtask dist`: from a development build quickly, or a release with everything proved that
//! can be proved here.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::manifest::{Manifest, ManifestError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, tree};

use crate::archive::buildpack;
use crate::archive::debian::{self, DebianError, Parts};
use crate::archive::download::{DownloadError, SourceUrl};
use crate::archive::s2i::{self, BuilderError};
use crate::archive::{self, ArchiveError, Archives, Time};
use crate::args::{Bring, DistArguments, ImageArguments};
use crate::assemble::{self, AssembleError, Brought};
use crate::machine::install::{self, PrepareError};
use crate::machine::needs::Need;
use crate::made::build::{self, BuildError};
use crate::made::glibc::{self, GlibcError};
use crate::made::nginx::{Compiler, NginxError, OwnNginx};
use crate::made::tools::{ToolsError, Zig};
use crate::made::uv::{OwnUv, UvError};
use crate::say::say;
use crate::workspace::Workspace;

/// The cartridge from a development build; answers where it is.
pub(crate) fn development(workspace: &Workspace, bring: Bring) -> Result<Utf8PathBuf, DistError> {
    let brought = brought(workspace, bring, Compiler::System)?;
    let programs = build::development(workspace)?;
    let cartridge = assemble::cartridge(workspace, &programs.cartridge, &brought)?;
    say(&format!(
        "{cartridge} holds the cartridge (a development build; `cargo xtask dist` makes the one for nodes)"
    ));
    Ok(cartridge)
}

/// The cartridge as nodes get it, the archives, `gear`, and the manifest if a URL is given.
pub(crate) fn release(workspace: &Workspace, arguments: &DistArguments) -> Result<(), DistError> {
    let time = Time::from_env(&workspace.env)?;
    let cartridge = for_nodes(workspace, arguments.brought())?;
    let manifest = cartridge.join("metadata/manifest.yml");
    let version = Manifest::read(&manifest)?.cartridge_version;
    let archives = archive::pack(&cartridge, &version, time)?;
    say(&format!(
        "{cartridge} holds the cartridge, {} and {} the same packed",
        archives.tar, archives.zip
    ));
    if arguments.deb {
        install::prepare(workspace, Need::TO_PACK_FOR_DEBIAN)?;
        let beside = |name| cartridge.with_file_name(name);
        let (gear, share) = (beside("gear"), beside("share"));
        let parts = Parts {
            cartridge: &cartridge,
            gear: &gear,
            share: &share,
            brings_nginx: arguments.with_nginx,
        };
        let package = debian::pack(workspace, &parts, &version, time, &beside(""))?;
        say(&format!("{package} installs both on Debian and its relatives"));
    }
    if let Some(url) = &arguments.source_url {
        say(&format!("{} makes it downloadable", downloadable(url, &manifest, &archives)?));
    }
    Ok(())
}

/// The builder image of source-to-image or a buildpack, from the cartridge as nodes get it or a development build.
pub(crate) fn image(workspace: &Workspace, arguments: &ImageArguments) -> Result<(), DistError> {
    let of_development = workspace.target.join("debug/gear");
    let (cartridge, gear) = if arguments.assembled {
        (workspace.target.join("dist").join(assemble::NAME), of_development)
    } else if arguments.debug {
        (development(workspace, arguments.brought())?, of_development)
    } else {
        let cartridge = for_nodes(workspace, arguments.brought())?;
        let gear = cartridge.with_file_name("gear");
        (cartridge, gear)
    };
    if let Some(directory) = &arguments.buildpack {
        buildpack::write(workspace, &gear, &cartridge, directory)?;
        say(&format!("{directory} holds the buildpack"));
        return Ok(());
    }
    install::prepare(workspace, Need::TO_MAKE_IMAGES)?;
    let (tag, image) = s2i::builder(workspace, arguments, &gear, &cartridge)?;
    say(&format!("{tag} is made, {}: s2i build APP_DIR {tag} NEW_IMAGE", image.digest));
    Ok(())
}

/// The cartridge as nodes get it, and `gear`, with all proved that can be proved; answers where it is.
pub(crate) fn for_nodes(workspace: &Workspace, bring: Bring) -> Result<Utf8PathBuf, DistError> {
    install::prepare(workspace, Need::TO_RELEASE)?;
    let zig = Zig::prepare(workspace)?;
    let brought = brought(workspace, bring, Compiler::Zig(&zig))?;
    let programs = build::release(workspace, &zig)?;
    let cartridge = assemble::cartridge(workspace, &programs.cartridge, &brought)?;
    let gear = cartridge.with_file_name("gear");
    files::write_atomic(&gear, &files::read(&programs.gear)?, 0o755)?;

    let version = Manifest::read(&cartridge.join("metadata/manifest.yml"))?.cartridge_version;
    let program = cartridge.join("usr/bin/advanced-python");
    proved(workspace, &program, &["--version"], &format!("advanced-python {version}"))?;
    proved(workspace, &gear, &["--version"], &format!("gear {version}"))?;
    documented(workspace, &gear, &cartridge.with_file_name("share"))?;
    if brought.nginx.is_some() {
        let nginx = cartridge.join("usr/nginx/sbin/nginx");
        proved(workspace, &nginx, &["-v"], "nginx version: nginx/")?;
    }
    if let Some(uv) = &brought.uv {
        proved(workspace, &cartridge.join("usr/bin/uv"), &["--version"], &uv.version(workspace)?)?;
    }
    Ok(cartridge)
}

/// Has `gear` write its man pages and completions, and puts them in the place of `share`.
fn documented(workspace: &Workspace, gear: &Utf8Path, share: &Utf8Path) -> Result<(), DistError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let new = share.with_file_name(".share.new");
    tree::discard(&new)?;
    let command = CommandSpec::new(gear, &workspace.env).args(["generate", new.as_str()]);
    run::checked(&command, LIMIT)?;
    tree::exchange(&new, share)?;
    Ok(tree::discard(&new)?)
}

fn brought(
    workspace: &Workspace,
    bring: Bring,
    compiler: Compiler<'_>,
) -> Result<Brought, DistError> {
    let mut brought = Brought::default();
    if bring.nginx {
        install::prepare(workspace, Need::TO_BUILD_NGINX)?;
        brought.nginx = Some(OwnNginx::prepare(workspace, compiler)?);
    }
    if bring.uv {
        install::prepare(workspace, Need::TO_RELEASE)?;
        brought.uv = Some(OwnUv::prepare(workspace)?);
    }
    Ok(brought)
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
    Uv(#[from] UvError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error(transparent)]
    Glibc(#[from] GlibcError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Debian(#[from] DebianError),
    #[error(transparent)]
    Builder(#[from] BuilderError),
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
