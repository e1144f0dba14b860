//! `pylock.toml`, the format that all tools can write (PEP 751): a flat list, each package with the
//! condition for it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::packages::locks::marker::Marker;
use crate::packages::locks::origin::{Origin, vcs_url, with_subdirectory};
use crate::packages::locks::{Content, Fault, Locked};
use crate::packages::requirements::Python;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    lock_version: Option<String>,
    requires_python: Option<String>,
    #[serde(default)]
    default_groups: Vec<String>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    marker: Option<String>,
    index: Option<String>,
    vcs: Option<Vcs>,
    directory: Option<Directory>,
    archive: Option<Archive>,
    sdist: Option<Archive>,
    #[serde(default)]
    wheels: Vec<Archive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vcs {
    r#type: String,
    url: Option<String>,
    path: Option<String>,
    commit_id: String,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    #[serde(default)]
    editable: bool,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct Archive {
    url: Option<String>,
    path: Option<String>,
    subdirectory: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Reads one.
pub(crate) fn read(text: &str) -> Result<Content, Fault> {
    let file: File = toml::from_str(text)?;
    let version = file.lock_version.as_deref().unwrap_or_default();
    if version != "1" && !version.starts_with("1.") {
        let tool = "the tool that wrote it";
        return Err(Fault::version("lock-version", file.lock_version, "1.0", tool));
    }
    let mut packages = Vec::new();
    for package in file.packages {
        let at = package.name.span().start;
        let marker = Fault::condition(package.marker.as_deref(), &file.default_groups, at)?;
        if !marker.is_never() {
            packages.push(package.locked(marker)?);
        }
    }
    let python =
        file.requires_python.map(|range| Python { key: "requires-python", range, binds: true });
    Ok(Content { packages, python })
}

impl Package {
    fn locked(self, marker: Marker) -> Result<Locked, Fault> {
        let origin = if let Some(vcs) = self.vcs {
            let url = vcs.url.or(vcs.path).unwrap_or_default();
            let folder = vcs.subdirectory.as_deref();
            Origin::Url(vcs_url(&vcs.r#type, &url, Some(&vcs.commit_id), folder))
        } else if let Some(directory) = self.directory {
            let path = match directory.subdirectory {
                Some(below) => format!("{}/{below}", directory.path),
                None => directory.path,
            };
            Origin::Local { path: path.into(), editable: directory.editable }
        } else if let Some(archive) = &self.archive {
            match (&archive.url, &archive.path) {
                (Some(url), _) => {
                    Origin::Url(with_subdirectory(url.clone(), archive.subdirectory.as_deref()))
                }
                (None, path) => {
                    let path = path.clone().unwrap_or_default().into();
                    Origin::Local { path, editable: false }
                }
            }
        } else {
            Origin::Version(self.version.ok_or_else(|| Fault::unversioned(&self.name))?)
        };
        let archives = self.archive.iter().chain(&self.sdist).chain(&self.wheels);
        let hashes = archives.flat_map(|a| &a.hashes);
        // What an installer takes on a command line.
        let strong = hashes.filter(|(kind, _)| ["sha256", "sha384", "sha512"].contains(&&***kind));
        Ok(Locked {
            extras: Vec::new(),
            origin,
            marker,
            hashes: strong.map(|(kind, hash)| format!("{kind}:{hash}")).collect(),
            at: self.name.span().start,
            name: self.name.into_inner(),
            index: self.index,
        })
    }
}
