//! A directory that holds an image, as the Open Container Initiative's Image Layout has it: `blobs/sha256/`
//! with all parts, each under its digest, and `index.json`, which names the image.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::layer::{Layer, named};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The file of a part.
pub(super) fn blob(layout: &Utf8Path, digest: &str) -> Utf8PathBuf {
    layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
}

/// What an image is, but for its files.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// Descriptors of its layers, the lowest first.
    pub(super) layers: Vec<Value>,
    /// Its configuration.
    pub(super) config: Value,
}

/// The image in a layout that holds one.
///
/// # Errors
/// [`FileError`] naming what is missing or not as it should be.
pub(super) fn read(layout: &Utf8Path) -> Result<Described, FileError> {
    let index = read_json(&layout.join("index.json"))?;
    let digest_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = read_json(&blob(layout, &digest_of(&index["manifests"][0]["digest"])))?;
    let config = read_json(&blob(layout, &digest_of(&manifest["config"]["digest"])))?;
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    Ok(Described { layers, config })
}

fn read_json(path: &Utf8Path) -> Result<Value, FileError> {
    let wrong = |error: serde_json::Error| FileError::new("read", path, error.into());
    serde_json::from_slice(&files::read(path)?).map_err(wrong)
}

/// Puts `more` layers, each with what it is, on an image; all of them are in `layout`, whose index names the
/// new image as `tag` afterwards. `config` is what is to run in it. Answers the digest of the image.
///
/// # Errors
/// [`FileError`] naming what could not be written.
pub(super) fn write(
    layout: &Utf8Path,
    base: Described,
    more: &[(&str, Layer)],
    config: Value,
    tag: &str,
) -> Result<String, FileError> {
    let Described { mut layers, config: mut whole } = base;
    layers.extend(
        more.iter().map(
            |(_, layer)| json!({"mediaType": LAYER, "digest": layer.digest, "size": layer.size}),
        ),
    );
    // A time would make another image of the same.
    let created = "1980-01-01T00:00:00Z";
    // Some makers of bases keep no history, and then ours would be read as that of their layers.
    let told = whole["history"].as_array().into_iter().flatten();
    let told = told.filter(|entry| entry["empty_layer"] != json!(true)).count();
    for _ in told..whole["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len) {
        push(&mut whole["history"], json!({"created": created, "created_by": "the base"}));
    }
    for (what, layer) in more {
        push(&mut whole["rootfs"]["diff_ids"], json!(layer.diff_id));
        push(
            &mut whole["history"],
            json!({"created": created, "created_by": format!("gear image: {what}")}),
        );
    }
    // What a base keeps of its own making differs from one making to the next.
    let history = whole["history"].as_array_mut().into_iter().flatten();
    history.for_each(|entry| entry["created"] = json!(created));
    whole["created"] = json!(created);
    whole["config"] = config;
    let config = put(layout, &whole)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.0, "size": config.1},
        "layers": layers,
    });
    let (digest, size) = put(layout, &manifest)?;
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": MANIFEST,
            "digest": digest,
            "size": size,
            "annotations": {"org.opencontainers.image.ref.name": tag},
        }],
    });
    files::write_atomic(&layout.join("oci-layout"), br#"{"imageLayoutVersion": "1.0.0"}"#, 0o644)?;
    files::write_atomic(&layout.join("index.json"), index.to_string().as_bytes(), 0o644)?;
    Ok(digest)
}

/// Adds to a list, which is made if there is none.
fn push(list: &mut Value, value: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(value),
        None => *list = json!([value]),
    }
}

/// Writes a part that is an object; answers its digest and its bytes.
fn put(layout: &Utf8Path, value: &Value) -> Result<(String, usize), FileError> {
    let text = value.to_string();
    let digest = named(Sha256::new_with_prefix(text.as_bytes()));
    files::write_unsynced(&blob(layout, &digest), text.as_bytes(), 0o644)?;
    Ok((digest, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_its_history_also_where_the_base_told_none() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let ours = Layer { digest: "sha256:1".into(), diff_id: "sha256:2".into(), size: 3 };
        let empty = json!({"created_by": "ENV", "empty_layer": true});
        for history in [json!(null), json!([empty]), json!([{"created_by": "ADD"}, empty])] {
            let config =
                json!({"rootfs": {"diff_ids": ["sha256:a", "sha256:b"]}, "history": history});
            let base = Described { layers: vec![json!({}), json!({})], config };
            write(layout, base, &[("the app", ours.clone())], json!({}), "tag").unwrap();
            let history = read(layout).unwrap().config["history"].take();
            let history = history.as_array().unwrap();
            let full: Vec<_> = history.iter().filter(|it| it["empty_layer"].is_null()).collect();
            assert_eq!(full.len(), 3, "{history:?}");
            assert_eq!(full[2]["created_by"], "gear image: the app");
        }
    }
}
