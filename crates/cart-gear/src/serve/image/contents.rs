//! From files that are there to an image on a base: its layers, their description, and its place.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, tree};
use serde_json::{Value, json};

use super::buildah::{Buildah, Fetched, glance};
use super::facts::{Base, Output};
use super::layer::{self, Layer, Part};
use super::layout::{self, Described};
use crate::layout::error::GearError;

/// An image that was made.
#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:` and the digest of its manifest.
    pub digest: String,
    /// What each of our layers holds, its digest and its bytes, the lowest first.
    pub layers: Vec<(&'static str, String, u64)>,
}

/// What is put on a base.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What each layer is, and the files in it; the lowest first.
    pub layers: Vec<(&'static str, Vec<Part>)>,
    /// The image's `config`, by the words of the Open Container Initiative's specification. Its variables are set
    /// beside the base's.
    pub config: Value,
}

impl Contents {
    /// Makes an image of them. What is used again for the next one of that name is kept in `cache`.
    ///
    /// # Errors
    /// [`GearError`]; an image that was made before is as it was.
    pub fn image(
        &self,
        base: &Base,
        tag: &str,
        output: &Output,
        cache: &Utf8Path,
        caller: &GearEnv,
    ) -> Result<Image, GearError> {
        let buildah = Buildah::find(caller)?;
        let mut sum = sha2::Sha256::default();
        sha2::Digest::update(&mut sum, tag);
        let place = cache.join(format!("plain-{}", &layer::named(sum)[7..19]));
        std::fs::create_dir_all(cache).map_err(|error| FileError::new("make", cache, error))?;
        let fetched = buildah.fetch(base, cache)?;
        self.put(&buildah, (base, &fetched), &place, (tag, output))
    }

    /// The same, in the directory `place`, on a base that is here.
    pub(super) fn put(
        &self,
        buildah: &Buildah,
        (base, fetched): (&Base, &Fetched),
        place: &Utf8Path,
        (tag, output): (&str, &Output),
    ) -> Result<Image, GearError> {
        let layout = place.join("oci");
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|error| FileError::new("make", &blobs, error))?;
        let described = layout::read(&fetched.layout)?;
        share(&fetched.layout, &described, &layout)?;
        let layers = self.layers(&layout, &place.join("layers.json"))?;
        let config = self.config_on(base, &described.config);
        let digest = layout::write(&layout, described, &layers, config, tag)?;
        prune(&layout, &digest)?;
        if let Output::Layout(wanted) = output {
            copy(&layout, wanted)?;
        }
        buildah.hand_on(&layout, tag, output)?;
        let layers = layers.into_iter().map(|(what, it)| (what, it.digest, it.size)).collect();
        Ok(Image { digest, layers })
    }

    /// The layers of ours: one that is made of the same files as the last time is that one, by the file that is
    /// `known` for telling which were made of what.
    fn layers(
        &self,
        layout: &Utf8Path,
        known_by: &Utf8Path,
    ) -> Result<Vec<(&'static str, Layer)>, GearError> {
        let known: BTreeMap<String, (String, Layer)> = files::read_if_exists(known_by)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let mut layers = Vec::new();
        let mut now = BTreeMap::new();
        for (what, parts) in &self.layers {
            let glances = parts.iter().map(|part| {
                Ok(format!("{} {:?} {}", part.to, part.without, glance_at(&part.from)?))
            });
            let made_of = glances.collect::<Result<Vec<_>, FileError>>()?.join(" ");
            let before = known.get(*what).filter(|(of, layer)| {
                *of == made_of && layout::blob(layout, &layer.digest).is_file()
            });
            let layer = match before {
                Some((_, layer)) => layer.clone(),
                None => {
                    let beside = layout.join("layer.new");
                    let layer = layer::write(parts, &beside)?;
                    files::rename(&beside, &layout::blob(layout, &layer.digest))?;
                    layer
                }
            };
            now.insert((*what).to_owned(), (made_of, layer.clone()));
            layers.push((*what, layer));
        }
        let text = serde_json::to_vec(&now)
            .map_err(|error| FileError::new("write", known_by, error.into()))?;
        files::write_atomic(known_by, &text, 0o644)?;
        Ok(layers)
    }

    /// What runs in the image, with what is said of the base.
    fn config_on(&self, base: &Base, described: &Value) -> Value {
        let name = |it: &Value| {
            it.as_str().and_then(|it| it.split_once('=')).map(|(name, _)| name.to_owned())
        };
        let ours = self.config["Env"].as_array().cloned().unwrap_or_default();
        let mut env = described["config"]["Env"].as_array().cloned().unwrap_or_default();
        env.retain(|it| !ours.iter().any(|our| name(our) == name(it)));
        env.extend(ours);
        let mut config = self.config.clone();
        config["Env"] = Value::Array(env);
        if let Base::Reference(reference) = base {
            config["Labels"]["org.opencontainers.image.base.name"] = json!(reference);
        }
        config
    }
}

/// What a command prints in a base, without white space at its end.
///
/// # Errors
/// [`GearError`] when it fails there.
pub fn ask_base(base: &Base, command: &[&str], caller: &GearEnv) -> Result<String, GearError> {
    let buildah = Buildah::find(caller)?;
    let id = buildah.base(base)?;
    buildah.answer_in(&id, command)
}

/// As [`glance`], of a file, too.
fn glance_at(path: &Utf8Path) -> Result<String, FileError> {
    use std::os::unix::fs::MetadataExt;
    let failed = |error| FileError::new("look at", path, error);
    if layer::is_tree(path).map_err(failed)? {
        return glance(path);
    }
    let of = path.symlink_metadata().map_err(failed)?;
    Ok(format!("{:?}", (of.size(), of.mtime(), of.mtime_nsec(), of.ino())))
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
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    // On another file system. What a kill leaves of it must not be taken for all of it.
    let beside = Utf8PathBuf::from(format!("{to}.new"));
    std::fs::copy(from, &beside).map_err(|error| FileError::new("write", &beside, error))?;
    files::rename(&beside, to)
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
