//! What lies in a directory that holds a prepared app, and how it was prepared.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;
use serde::{Deserialize, Serialize};

use crate::layout::error::GearError;

/// What tells of it, in its directory. Written last: without it nothing was prepared.
pub(crate) const FILE: &str = "prepared.json";
/// What was installed, for those who look for known faults.
pub(crate) const SBOM: &str = "sbom.cdx.json";
/// Raised when what an older `gear` prepared cannot be served any more.
pub(super) const FORMAT: u32 = 1;
/// What it holds of a deployment: that which only a build needs stays on the gear that is thrown away.
pub(super) const PARTS: [&str; 2] = ["repo", DEPENDENCIES];
/// That of the [`PARTS`] which holds what was installed.
pub(super) const DEPENDENCIES: &str = "dependencies";

/// How an app was prepared, as its directory tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    pub(super) format: u32,
    /// The app's name.
    pub name: String,
    /// Its directory, without symbolic links in the path: what was built names that, too.
    pub directory: Utf8PathBuf,
    /// The home of the gear that it was built on.
    pub home: Utf8PathBuf,
    /// The version of the cartridge's software.
    pub version: String,
    /// What was set for the app then.
    pub variables: Vec<(String, String)>,
    /// What was installed for it, as the cartridge tells it.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// Something that was installed, by the names of package URLs (purl).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Whose it is: `pypi`, `generic`, and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Prepared {
    /// What lies in `directory`.
    ///
    /// # Errors
    /// [`GearError`] when nothing was prepared there, or by a newer `gear`.
    pub fn read(directory: &Utf8Path) -> Result<Self, GearError> {
        let Some(bytes) = files::read_if_exists(&directory.join(FILE))? else {
            return Err(GearError::wrong(format!(
                "{directory} holds no app that was prepared (there is no {FILE}): make one with `gear prepare APP_DIR {directory}`"
            )));
        };
        let read: Option<Self> = serde_json::from_slice(&bytes).ok();
        read.filter(|read| read.format == FORMAT).ok_or_else(|| {
            GearError::failed(format!(
                "{directory}/{FILE} is not as this gear writes it: prepare the app anew with the gear that serves it"
            ))
        })
    }
}

#[cfg(test)]
impl Prepared {
    /// One of an app called shop.
    pub(crate) fn of_test(packages: Vec<Package>) -> Self {
        Self {
            format: FORMAT,
            name: "shop".to_owned(),
            directory: "/opt/app".into(),
            home: "/tmp/prepared-gear".into(),
            version: "3".to_owned(),
            variables: Vec::new(),
            packages,
        }
    }
}
