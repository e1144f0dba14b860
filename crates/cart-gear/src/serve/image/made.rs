//! The steps from an app's directory to an image.

use std::os::unix::fs::lchown;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, tree};
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::buildah::{Buildah, Volume, glance};
use super::contents::{Contents, Image};
use super::facts::{DATA, ImageOptions, LINGER, PORT, PREPARED, PROGRAMS, USER};
use super::layer::{self, Part};
use super::sbom;
use crate::deploy::git::no_code;
use crate::layout::error::GearError;
use crate::layout::installed::Source;
use crate::scripts::progress::{Caller, Progress};
use crate::serve::prepared::record::{FILE, Package, Prepared, SBOM};

/// Where a build in the base finds things.
const SOURCE: &str = "/tmp/src";
const DOWNLOADS: &str = "/tmp/downloads";
const ENVIRONMENT: &str = "/tmp/build-environment";

/// Makes an image of an app.
///
/// # Errors
/// [`GearError`]; an image that was made before is as it was.
pub fn image(options: &ImageOptions, progress: &mut dyn Progress) -> Result<Image, GearError> {
    let buildah = Buildah::find(&options.caller)?;
    let place = Place::of(options)?;
    progress.step("the base", Caller::Control);
    let base = buildah.base(&options.base)?;
    progress.step("the app, in the base", Caller::Control);
    place.settle(&base)?;
    build(&buildah, options, &base, &place)?;
    progress.step("the layers", Caller::Control);
    write_bill(options, &place)?;
    let contents = Contents { layers: layers(options, &place), config: config(options) };
    let ImageOptions { base: of, tag, output, cache, .. } = options;
    contents.put(&buildah, (&base, of), &place.directory, cache, (tag, output))
}

/// What is kept of one app from build to build.
struct Place {
    /// A copy of the app, which nobody changes while it is built.
    source: Utf8PathBuf,
    /// What was prepared.
    prepared: Utf8PathBuf,
    /// What installers have downloaded, of all apps.
    downloads: Utf8PathBuf,
    /// All of it, with the image.
    directory: Utf8PathBuf,
    /// In which base the app was prepared, by which cartridge.
    made_by: Utf8PathBuf,
    environment: Utf8PathBuf,
    cartridge: String,
}

impl Place {
    fn of(options: &ImageOptions) -> Result<Self, GearError> {
        let app = &options.app;
        let app = app.canonicalize_utf8().map_err(|e| FileError::new("read the app", app, e))?;
        let mut sum = sha2::Sha256::default();
        sha2::Digest::update(&mut sum, app.as_str());
        let place = options.cache.join(format!("{}-{}", options.name, &layer::named(sum)[7..19]));
        let downloads = options.cache.join("downloads");
        for directory in [&place, &downloads] {
            std::fs::create_dir_all(directory).map_err(|e| FileError::new("make", directory, e))?;
        }
        let cartridge = glance(&options.cartridge)?;
        let source = place.join("source");
        tree::remove(&source)?;
        tree::copy(&app, &source, no_code)?;
        give(&source)?;
        give(&downloads)?;
        Ok(Self {
            source,
            prepared: place.join("prepared"),
            downloads,
            made_by: place.join("made-by"),
            environment: place.join("environment"),
            directory: place,
            cartridge,
        })
    }

    /// What another base or another cartridge has prepared goes: the same shall come of the same.
    fn settle(&self, base: &str) -> Result<(), GearError> {
        let now = format!("{base} {}", self.cartridge);
        if files::read_if_exists(&self.made_by)?.is_none_or(|before| before != now.as_bytes()) {
            tree::remove(&self.prepared)?;
            files::write_atomic(&self.made_by, now.as_bytes(), 0o644)?;
        }
        files::create_dir(&self.prepared, 0o770)?;
        Ok(give(&self.prepared)?)
    }
}

/// As root, what a build works with belongs to whoever builds in the base; else all of it is this user's, who is
/// called root there.
fn give(directory: &Utf8Path) -> Result<(), FileError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let failed = |error| FileError::new("give away", directory, error);
    let (user, group) = (USER.0 as u32, USER.1 as u32);
    for entry in WalkDir::new(directory) {
        let entry = entry.map_err(|error| failed(error.into()))?;
        lchown(entry.path(), Some(user), Some(group)).map_err(failed)?;
    }
    Ok(())
}

/// Lets the program and the cartridge of the image prepare the app, in a container of the base.
fn build(
    buildah: &Buildah,
    options: &ImageOptions,
    base: &str,
    place: &Place,
) -> Result<(), GearError> {
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { format!("{}:{}", USER.0, USER.1) } else { "0:0".to_owned() };
    let certificates = certificates(&options.installs);
    files::write_unsynced(&place.environment, environment(&options.installs).as_bytes(), 0o600)?;
    give(&place.environment)?;
    let program = format!("{PROGRAMS}/gear");
    let cartridge = cartridge_in(options);
    let read_only = |from, to| Volume { from, to, is_read_only: true };
    let mut volumes = vec![
        read_only(&*options.program, &*program),
        read_only(&options.cartridge, cartridge.as_str()),
        read_only(&place.source, SOURCE),
        read_only(&place.environment, ENVIRONMENT),
        Volume { from: &place.prepared, to: PREPARED, is_read_only: false },
        Volume { from: &place.downloads, to: DOWNLOADS, is_read_only: false },
    ];
    volumes.extend(certificates.iter().map(|file| read_only(file, file.as_str())));
    let script = format!(". {ENVIRONMENT} && exec \"$@\"");
    let named = format!("--name={}", options.name);
    let mut command =
        vec!["/bin/sh", "-c", &script, "sh", &program, "prepare", SOURCE, PREPARED, &named];
    if let Some(version) = &options.version {
        command.extend(["--cartridge-version", version]);
    }
    let variables: Vec<String> =
        options.variables.iter().map(|(name, value)| format!("--env={name}={value}")).collect();
    command.extend(variables.iter().map(String::as_str));
    let ran = buildah.run_in(base, &user, &volumes, &command);
    files::remove_if_exists(&place.environment)?;
    ran
}

/// Tells in the image what was installed in it.
fn write_bill(options: &ImageOptions, place: &Place) -> Result<(), GearError> {
    let Source { manifest, .. } = Source::read(&options.cartridge)?;
    let cartridge = Package {
        kind: "generic".to_owned(),
        name: manifest.directory_name(),
        version: manifest.cartridge_version,
    };
    let bill = sbom::of(&Prepared::read(&place.prepared)?, &cartridge)?;
    files::write_if_changed(&place.prepared.join(SBOM), &bill, 0o644)?;
    Ok(())
}

/// Files that an installer is told of, to trust a server by.
fn certificates(installs: &GearEnv) -> Vec<Utf8PathBuf> {
    let paths = installs.iter().filter_map(|(name, value)| {
        let is_one = ["CERT", "SSL_CERT_FILE", "_BUNDLE"].iter();
        let is_one = is_one.clone().any(|end| name.to_str().is_some_and(|n| n.ends_with(end)));
        is_one.then(|| value.to_str().map(Utf8PathBuf::from)).flatten()
    });
    let mut files: Vec<_> = paths.filter(|path| path.is_absolute() && path.is_file()).collect();
    files.sort();
    files.dedup();
    files
}

/// What a shell reads to have the variables of an installer. Not words of a command: others may see those, and
/// an index may be told with a password.
fn environment(installs: &GearEnv) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let given = installs.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let mut lines: Vec<String> = given
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect();
    lines.push(format!("export PIP_CACHE_DIR={DOWNLOADS}/pip UV_CACHE_DIR={DOWNLOADS}/uv\n"));
    lines.concat()
}

/// The cartridge's directory in the image.
fn cartridge_in(options: &ImageOptions) -> Utf8PathBuf {
    Utf8Path::new(PROGRAMS).join(options.cartridge.file_name().unwrap_or("cartridge"))
}

/// What is in which layer of ours.
fn layers(options: &ImageOptions, place: &Place) -> Vec<(&'static str, Vec<Part>)> {
    let part = |from: &Utf8Path, to: Utf8PathBuf| Part { from: from.to_owned(), to };
    let prepared =
        |name: &str| part(&place.prepared.join(name), Utf8Path::new(PREPARED).join(name));
    let program = part(&options.program, format!("{PROGRAMS}/gear").into());
    vec![
        ("the cartridge", vec![program, part(&options.cartridge, cartridge_in(options))]),
        ("the packages", vec![prepared("dependencies")]),
        ("the app", vec![prepared("repo"), prepared(FILE), prepared(SBOM)]),
    ]
}

/// What runs in the image, and what is known of it.
fn config(options: &ImageOptions) -> Value {
    let name = &options.name;
    json!({
        "User": format!("{}:{}", USER.0, USER.1),
        "ExposedPorts": {format!("{PORT}/tcp"): {}},
        "Env": [format!("PORT={PORT}")],
        "Entrypoint": [format!("{PROGRAMS}/gear"), "serve", "--prepared", PREPARED, "--data", DATA, "--linger", LINGER.to_string()],
        "WorkingDir": format!("{PREPARED}/repo"),
        "StopSignal": "SIGTERM",
        "Labels": {
            "org.opencontainers.image.title": name,
            "io.k8s.display-name": name,
            "io.k8s.description": format!("{name}, prepared by gear {}", env!("CARGO_PKG_VERSION")),
            "io.openshift.expose-services": format!("{PORT}:http"),
            "io.openshift.tags": "python,gear",
        },
    })
}
