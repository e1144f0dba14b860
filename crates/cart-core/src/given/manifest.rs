//! `metadata/manifest.yml`: what a cartridge says of itself (node-contract.md, manifest.yml).

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::disk::files::{self, FileError};

/// The part of a manifest that is needed to put a cartridge on a gear.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Manifest {
    /// Lower-cased, it is the name of the directory on the gear.
    pub name: String,
    /// The middle of every variable of the cartridge.
    #[serde(rename = "Cartridge-Short-Name")]
    pub short_name: String,
    /// The default version of the software.
    pub version: String,
    /// All versions of the software; [`version`](Self::version) alone when the list is missing.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Who made it.
    #[serde(rename = "Cartridge-Vendor")]
    pub vendor: String,
    /// The version of the cartridge itself.
    #[serde(rename = "Cartridge-Version")]
    pub cartridge_version: String,
    /// The versions of the cartridge from which an upgrade leaves processes alone.
    #[serde(default, rename = "Compatible-Versions")]
    pub compatible_versions: Vec<String>,
    /// Whether an initial build runs when an application is created.
    #[serde(default, rename = "Install-Build-Required")]
    pub install_build_required: bool,
    /// Whether `bin/metrics` is asked for figures: whatever stands in that element.
    #[serde(default, deserialize_with = "is_there")]
    pub metrics: bool,
    /// Addresses and ports that the cartridge listens on.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// One private address and port, and how it is reached from outside.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Endpoint {
    /// `OPENSHIFT_<SHORT>_<this>` holds the address.
    #[serde(rename = "Private-IP-Name")]
    pub private_ip_name: String,
    /// `OPENSHIFT_<SHORT>_<this>` holds the port.
    #[serde(rename = "Private-Port-Name")]
    pub private_port_name: String,
    /// The port.
    #[serde(rename = "Private-Port")]
    pub private_port: u16,
    /// `OPENSHIFT_<SHORT>_<this>` holds the public port of a scalable application.
    #[serde(default, rename = "Public-Port-Name")]
    pub public_port_name: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`] naming the file, and the line where YAML or a type is wrong.
    pub fn read(path: &Utf8Path) -> Result<Self, ManifestError> {
        let bytes = files::read(path)?;
        parse(path, &String::from_utf8_lossy(&bytes), "is no manifest")
    }

    /// Name of the cartridge's directory on a gear.
    #[must_use]
    pub fn directory_name(&self) -> String {
        self.name.to_lowercase()
    }

    /// All versions of the software that the cartridge offers.
    #[must_use]
    pub fn all_versions(&self) -> Vec<&str> {
        if self.versions.is_empty() {
            return vec![&self.version];
        }
        self.versions.iter().map(String::as_str).collect()
    }

    /// `vendor:Name:version:cartridge-version`, the value of `OPENSHIFT_<SHORT>_IDENT`.
    #[must_use]
    pub fn ident(&self, version: &str) -> String {
        format!("{}:{}:{version}:{}", self.vendor, self.name, self.cartridge_version)
    }

    /// `OPENSHIFT_<SHORT>_<suffix>`.
    #[must_use]
    pub fn variable(&self, suffix: &str) -> String {
        format!("OPENSHIFT_{}_{suffix}", self.short_name.to_uppercase())
    }
}

fn is_there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| true)
}

/// Reads what is in one of the metadata files; `wrong` says what it is if it cannot be read.
pub(crate) fn parse<T: DeserializeOwned>(
    path: &Utf8Path,
    text: &str,
    wrong: &'static str,
) -> Result<T, ManifestError> {
    serde_saphyr::from_str(text).map_err(|error| ManifestError::Malformed {
        path: path.to_owned(),
        wrong,
        // The parser draws the place below its first line; a message wants the line alone.
        message: error.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

/// A manifest, or a `managed_files.yml`, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Missing or unreadable.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not YAML, or a required element is missing or of the wrong type.
    #[error("{path} {wrong}: {message}")]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// What that makes of it.
        wrong: &'static str,
        /// What is wrong and where.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("manifest.yml");
        files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        Manifest::read(&path)
    }

    const TINY: &str = "Name: Tiny\nCartridge-Short-Name: TINY\nVersion: '1.10'\n\
        Cartridge-Vendor: us\nCartridge-Version: '0.1'\n";

    #[test]
    fn a_small_manifest_has_one_version_and_no_endpoint() {
        let manifest = read(TINY).unwrap();
        assert_eq!(manifest.all_versions(), ["1.10"]);
        assert_eq!(manifest.directory_name(), "tiny");
        assert_eq!(manifest.ident("1.10"), "us:Tiny:1.10:0.1");
        assert_eq!(manifest.variable("DIR"), "OPENSHIFT_TINY_DIR");
        assert!(manifest.endpoints.is_empty() && !manifest.metrics);
        assert!(read(&format!("{TINY}Metrics:\n- enabled\n")).unwrap().metrics);
    }

    #[test]
    fn endpoints_are_read_with_the_nodes_own_spelling() {
        let manifest = read(&format!(
            "{TINY}Endpoints:\n- Private-IP-Name: IP\n  Private-Port-Name: PORT\n  \
             Private-Port: 8080\n  Public-Port-Name: PROXY_PORT\n  Mappings: []\n"
        ))
        .unwrap();
        assert_eq!(manifest.endpoints[0].private_port, 8080);
        assert_eq!(manifest.endpoints[0].public_port_name.as_deref(), Some("PROXY_PORT"));
    }

    #[test]
    fn a_missing_element_is_named_with_the_file() {
        let error = read("Name: Tiny\n").unwrap_err().to_string();
        assert!(error.contains("manifest.yml is no manifest: "), "{error}");
        assert!(error.contains("missing field"), "{error}");
    }
}
