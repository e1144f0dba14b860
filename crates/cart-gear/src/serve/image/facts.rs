//! What an image is to be made of, and where it is to be.

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;

/// What is below the layers of the app: a system with a Python, and with an nginx unless the cartridge
/// brings one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// An image, as `buildah from` takes it.
    Reference(String),
    /// A directory, as `debootstrap` makes one.
    Directory(Utf8PathBuf),
}

/// Where an image is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Where podman and buildah keep theirs.
    Storage,
    /// A directory in the layout of the Open Container Initiative.
    Layout(Utf8PathBuf),
    /// A file that `docker load` takes.
    DockerArchive(Utf8PathBuf),
}

impl FromStr for Base {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Utf8Path::new(text);
        match path.is_dir() {
            // `buildah` would take a relative one as one below the root.
            true => path.canonicalize_utf8().map(Self::Directory).map_err(|e| e.to_string()),
            false if text.starts_with(['/', '.']) || text.is_empty() => {
                Err("it is neither a directory nor the name of an image".to_owned())
            }
            false => Ok(Self::Reference(text.to_owned())),
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "containers-storage" => Ok(Self::Storage),
            Some(("oci", path)) if !path.is_empty() => Ok(Self::Layout(path.into())),
            Some(("docker-archive", path)) if !path.is_empty() => {
                Ok(Self::DockerArchive(path.into()))
            }
            _ => Err("write oci:DIR, docker-archive:FILE or containers-storage".to_owned()),
        }
    }
}

/// What an image is to be made of.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// The app's directory.
    pub app: Utf8PathBuf,
    /// The app's name.
    pub name: String,
    /// What is below it.
    pub base: Base,
    /// What the image is to be called.
    pub tag: String,
    /// Where it is put.
    pub output: Output,
    /// The cartridge's directory.
    pub cartridge: Utf8PathBuf,
    /// The version of the cartridge's software.
    pub version: Option<String>,
    /// What is set for the app. It is in the image, where whoever has that can read it.
    pub variables: Vec<(String, String)>,
    /// This program.
    pub program: Utf8PathBuf,
    /// The directory for what is used again by the next build.
    pub cache: Utf8PathBuf,
    /// What an installer needs of the caller's environment; it is not in the image.
    pub installs: GearEnv,
    /// The caller's environment, for `buildah`.
    pub caller: GearEnv,
}

/// The port that the image serves at, unless its variable `PORT` says another.
pub(crate) const PORT: u16 = 8080;
/// The program and the cartridge, in an image.
pub(super) const PROGRAMS: &str = "/opt/gear";
/// Where a volume for the app's data may be, in an image.
pub(crate) const DATA: &str = "/data";
/// What was prepared, in an image.
pub(super) const PREPARED: &str = "/opt/app";
/// Who runs in it, unless somebody says otherwise. What he may, the group of root may, too: OpenShift gives
/// each project a user of its own, who is in that group.
pub(super) const USER: (u64, u64) = (1001, 0);
/// How long it serves on after it was told to end: others must hear that it is not ready, in seconds.
pub(crate) const LINGER: u16 = 5;
