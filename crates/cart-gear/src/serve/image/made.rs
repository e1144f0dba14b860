//! The steps from an app's directory to an image.

use std::collections::BTreeMap;
use std::os::unix::fs::lchown;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, tree};
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::buildah::{Buildah, Volume, glance};
use super::facts::{Base, ImageOptions, LINGER, Output, PORT, PREPARED, PROGRAMS, USER};
use super::layer::{self, Layer, Part};
use super::layout::{self, Described};
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

/// An image that was made.
#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:` and the digest of its manifest.
    pub digest: String,
    /// What each of our layers holds, its digest and its bytes, the lowest first.
    pub layers: Vec<(&'static str, String, u64)>,
}

/// Makes an image of an app.
///
/// # Errors
/// [`GearError`]; an image that was made before is as it was.
pub fn image(options: &ImageOptions, progress: &mut dyn Progress) -> Result<Image, GearError> {
    let buildah = Buildah::find(&options.caller)?;
    let place = Place::of(options)?;
    progress.step("the base", Caller::Control);
    let base = buildah.base(&options.base)?;
    let below = options.cache.join(format!("base-{base}"));
    buildah.lay_out(&base, &below)?;
    progress.step("the app, in the base", Caller::Control);
    place.settle(&base)?;
    build(&buildah, options, &base, &place)?;
    progress.step("the layers", Caller::Control);
    write_bill(options, &place)?;
    let described = layout::read(&below)?;
    share(&below, &described, &place.layout)?;
    let layers = layers(options, &place)?;
    let config = config(options, &described.config);
    let digest = layout::write(&place.layout, described, &layers, config, &options.tag)?;
    prune(&place.layout, &digest)?;
    if let Output::Layout(wanted) = &options.output {
        copy(&place.layout, wanted)?;
    }
    buildah.hand_on(&place.layout, &options.tag, &options.output)?;
    let layers = layers.into_iter().map(|(what, it)| (what, it.digest, it.size)).collect();
    Ok(Image { digest, layers })
}

/// What is kept of one app from build to build.
struct Place {
    /// A copy of the app, which nobody changes while it is built.
    source: Utf8PathBuf,
    /// What was prepared.
    prepared: Utf8PathBuf,
    /// What installers have downloaded, of all apps.
    downloads: Utf8PathBuf,
    /// The image.
    layout: Utf8PathBuf,
    /// Which layers were made of what.
    known: Utf8PathBuf,
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
        for directory in [&place, &place.join("oci/blobs/sha256"), &downloads] {
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
            layout: place.join("oci"),
            known: place.join("layers.json"),
            made_by: place.join("made-by"),
            environment: place.join("environment"),
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

/// The layers of ours: one that is made of the same files as the last time is that one.
fn layers(options: &ImageOptions, place: &Place) -> Result<Vec<(&'static str, Layer)>, GearError> {
    let part = |from: &Utf8Path, to: Utf8PathBuf| Part { from: from.to_owned(), to };
    let prepared =
        |name: &str| part(&place.prepared.join(name), Utf8Path::new(PREPARED).join(name));
    let program = part(&options.program, format!("{PROGRAMS}/gear").into());
    let wanted = [
        ("the cartridge", vec![program, part(&options.cartridge, cartridge_in(options))]),
        ("the packages", vec![prepared("dependencies")]),
        ("the app", vec![prepared("repo"), prepared(FILE), prepared(SBOM)]),
    ];
    let known: BTreeMap<String, (String, Layer)> = files::read_if_exists(&place.known)?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut layers = Vec::new();
    let mut now = BTreeMap::new();
    for (what, parts) in wanted {
        let glances = parts.iter().map(|part| glance_at(&part.from));
        let made_of = glances.collect::<Result<Vec<_>, _>>()?.join(" ");
        let before = known.get(what).filter(|(of, layer)| {
            *of == made_of && layout::blob(&place.layout, &layer.digest).is_file()
        });
        let layer = match before {
            Some((_, layer)) => layer.clone(),
            None => {
                let beside = place.layout.join("layer.new");
                let layer = layer::write(&parts, &beside)?;
                files::rename(&beside, &layout::blob(&place.layout, &layer.digest))?;
                layer
            }
        };
        now.insert(what.to_owned(), (made_of, layer.clone()));
        layers.push((what, layer));
    }
    let text = serde_json::to_vec(&now)
        .map_err(|error| FileError::new("write", &place.known, error.into()))?;
    files::write_atomic(&place.known, &text, 0o644)?;
    Ok(layers)
}

/// As [`glance`], of a file, too.
fn glance_at(path: &Utf8Path) -> Result<String, FileError> {
    if path.is_dir() {
        return glance(path);
    }
    use std::os::unix::fs::MetadataExt;
    let of = path.metadata().map_err(|error| FileError::new("look at", path, error))?;
    Ok(format!("{:?}", (of.size(), of.mtime(), of.mtime_nsec(), of.ino())))
}

/// What runs in the image, and what is known of it.
fn config(options: &ImageOptions, base: &Value) -> Value {
    let mut env = base["config"]["Env"].as_array().cloned().unwrap_or_default();
    env.retain(|it| it.as_str().is_none_or(|it| !it.starts_with("PORT=")));
    env.push(json!(format!("PORT={PORT}")));
    let name = &options.name;
    let mut labels = json!({
        "org.opencontainers.image.title": name,
        "io.k8s.display-name": name,
        "io.k8s.description": format!("{name}, prepared by gear {}", env!("CARGO_PKG_VERSION")),
        "io.openshift.expose-services": format!("{PORT}:http"),
        "io.openshift.tags": "python,gear",
    });
    if let Base::Reference(reference) = &options.base {
        labels["org.opencontainers.image.base.name"] = json!(reference);
    }
    json!({
        "User": format!("{}:{}", USER.0, USER.1),
        "ExposedPorts": {format!("{PORT}/tcp"): {}},
        "Env": env,
        "Entrypoint": [format!("{PROGRAMS}/gear"), "serve", "--prepared", PREPARED, "--linger", LINGER.to_string()],
        "WorkingDir": format!("{PREPARED}/repo"),
        "StopSignal": "SIGTERM",
        "Labels": labels,
    })
}

/// Lets a layout have the layers of another by other names of the same files.
fn share(from: &Utf8Path, base: &Described, to: &Utf8Path) -> Result<(), FileError> {
    for layer in &base.layers {
        let digest = layer["digest"].as_str().unwrap_or_default();
        link(&layout::blob(from, digest), &layout::blob(to, digest))?;
    }
    Ok(())
}

fn link(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    if to.is_file() {
        return Ok(());
    }
    std::fs::hard_link(from, to)
        .or_else(|_| std::fs::copy(from, to).map(drop))
        .map_err(|error| FileError::new("write", to, error))
}

/// The digests of all parts of the image that a layout holds.
fn parts(layout: &Utf8Path, digest: &str) -> Result<Vec<String>, FileError> {
    let bytes = files::read(&layout::blob(layout, digest))?;
    let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let digests = layers.chain([&manifest["config"]]).filter_map(|it| it["digest"].as_str());
    Ok(digests.map(str::to_owned).chain([digest.to_owned()]).collect())
}

/// Removes what only earlier images had.
fn prune(layout: &Utf8Path, digest: &str) -> Result<(), FileError> {
    let parts: Vec<_> = parts(layout, digest)?.iter().map(|it| layout::blob(layout, it)).collect();
    let there = files::list(&layout.join("blobs/sha256"))?;
    there.iter().filter(|path| !parts.contains(path)).try_for_each(|path| tree::remove(path))
}

/// Puts the image into the layout that was asked for, the index last.
fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let blobs = to.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).map_err(|error| FileError::new("make", &blobs, error))?;
    for path in files::list(&from.join("blobs/sha256"))? {
        link(&path, &blobs.join(path.file_name().unwrap_or_default()))?;
    }
    for file in ["oci-layout", "index.json"] {
        files::write_atomic(&to.join(file), &files::read(&from.join(file))?, 0o644)?;
    }
    Ok(())
}
