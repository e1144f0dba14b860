//! `metadata.json` of a deployment, one line of JSON (node-contract.md, Gear layout).

use std::io::Read;

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use cart_core::tree::{Step, Walk};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// The name of the file in a deployment's directory.
pub(crate) const FILE: &str = "metadata.json";

/// What is written down of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// What a person called the commit: a branch, a tag, a hash.
    pub git_ref: String,
    /// The commit's hash; none when the code came from no repository.
    pub git_sha1: Option<String>,
    /// 8 hexadecimal digits, from when it is built on.
    pub id: Option<String>,
    /// Whether the code carried the marker `hot_deploy`.
    pub hot_deploy: Option<bool>,
    /// Whether the code carried the marker `force_clean_build`.
    pub force_clean_build: Option<bool>,
    /// When it was put in place, in seconds since 1970, each time.
    #[serde(default)]
    pub activations: Vec<f64>,
    /// See [`checksum`].
    pub checksum: Option<String>,
}

impl Metadata {
    /// Reads the metadata of the deployment in `directory`.
    ///
    /// # Errors
    /// [`FileError`] naming the file, also when it is not what a node writes.
    pub fn read(directory: &Utf8Path) -> Result<Self, FileError> {
        let path = directory.join(FILE);
        let bytes = files::read(&path)?;
        serde_json::from_slice(&bytes).map_err(|e| FileError::new("understand", &path, e.into()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub fn write(&self, directory: &Utf8Path) -> Result<(), FileError> {
        let path = directory.join(FILE);
        let json =
            serde_json::to_vec(self).map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o640)
    }
}

/// SHA-1 over the content of all files of the deployment in `directory` but its metadata, as
/// hexadecimal digits. A node takes the files as the directory lists them; here they are in the
/// order of their names, so that the same content has the same sum.
///
/// # Errors
/// [`FileError`] naming what cannot be read.
pub(crate) fn checksum(directory: &Utf8Path) -> Result<String, FileError> {
    let mut sum = Sha1::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut walk = Walk::new(directory)?;
    while let Some(step) = walk.next() {
        let Step::Entry(entry) = step? else { continue };
        let is_metadata = entry.depth() == 1 && entry.name() == FILE;
        if !entry.is_file() || is_metadata {
            continue;
        }
        let failed = |source| entry.failed("read", source);
        let mut file = entry.open().map_err(failed)?;
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                count => sum.update(&buffer[..count]),
            }
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_over_content_and_the_metadata_is_not_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir_all(path.join("repo")).unwrap();
        files::write_atomic(&path.join("repo/b"), b"world", 0o644).unwrap();
        files::write_atomic(&path.join("repo/a"), b"hello ", 0o644).unwrap();
        let metadata = Metadata { git_ref: "master".to_owned(), ..Metadata::default() };
        metadata.write(path).unwrap();
        assert_eq!(checksum(path).unwrap(), "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
        assert_eq!(Metadata::read(path).unwrap(), metadata);
    }

    #[test]
    fn what_is_no_metadata_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        assert!(Metadata::read(path).unwrap_err().to_string().contains(FILE));
        files::write_atomic(&path.join(FILE), b"[]", 0o644).unwrap();
        assert!(Metadata::read(path).unwrap_err().to_string().contains("understand"));
    }
}
