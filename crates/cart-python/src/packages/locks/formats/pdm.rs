//! `pdm.lock`: with metadata inherited (as since 2.11) each package says which groups want it and
//! where; otherwise the way from `pyproject.toml` to it does.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Table};

use super::walk::{self, Node};
use crate::packages::locks::asked::Asked;
use crate::packages::locks::marker::Marker;
use crate::packages::locks::origin::{Origin, vcs_url, with_subdirectory};
use crate::packages::locks::{Content, Fault, Locked};
use crate::packages::requirements::Python;

const DEFAULT: &str = "default";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    lock_version: Option<String>,
    /// Up to lock version 4.3, by `name version`.
    #[serde(default)]
    files: BTreeMap<String, Vec<Archive>>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    requires_python: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    extras: Vec<String>,
    groups: Option<Vec<String>>,
    marker: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    files: Vec<Archive>,
    git: Option<String>,
    r#ref: Option<String>,
    revision: Option<String>,
    subdirectory: Option<String>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct Archive {
    hash: String,
}

/// Reads one, with the `pyproject.toml` beside it.
pub(crate) fn read(text: &str, pyproject: Option<&Table>) -> Result<Content, Fault> {
    let file: File = toml::from_str(text)?;
    let version = file.metadata.lock_version.as_deref().unwrap_or_default();
    if !["3.", "4."].iter().any(|known| version.starts_with(known)) && version != "3" {
        let found = file.metadata.lock_version.clone();
        return Err(Fault::version("lock_version", found, "4", "pdm lock"));
    }
    let of_groups = |package: &Package| package.groups.is_some();
    let by_itself = Package::by_itself;
    let wanted = walk::wanted(file.package, of_groups, by_itself, Package::node, pyproject)?;
    let packages = wanted.into_iter().map(|(p, marker)| p.locked(marker, &file.metadata.files));
    let packages = packages.collect::<Result<_, _>>()?;
    let ranges: Vec<_> = file.metadata.targets.into_iter().map(|t| t.requires_python).collect();
    // Of several targets, any would do.
    let python = <[Option<String>; 1]>::try_from(ranges).ok().and_then(|[range]| range);
    let python = python.map(|range| Python { key: "requires_python", range, binds: true });
    Ok(Content { packages, python })
}

impl Package {
    /// What it asks for.
    fn node(&self) -> Result<Node<'_>, Fault> {
        let mut wants = Vec::new();
        for line in &self.dependencies {
            let of = Asked::of_line(line);
            wants.extend(of.map_err(|e| Fault::from(e).at(self.name.span().start))?);
        }
        // A package with extras stands there a second time, and wants itself without them.
        let by_extra = self.extras.iter().map(|extra| (extra.clone(), wants.clone())).collect();
        let wants = if self.extras.is_empty() { wants } else { Vec::new() };
        let version = self.version.as_deref().unwrap_or_default();
        Ok(Node { name: self.name.as_ref(), version, wants, by_extra })
    }

    /// Where it is wanted by what it says of itself.
    fn by_itself(&self) -> Result<Marker, Fault> {
        match &self.groups {
            Some(groups) if !groups.iter().any(|g| g == DEFAULT) => Ok(Marker::never()),
            _ => {
                let at = self.name.span().start;
                Fault::condition(self.marker.as_deref(), &[DEFAULT.to_owned()], at)
            }
        }
    }

    fn locked(
        self,
        marker: Marker,
        files: &BTreeMap<String, Vec<Archive>>,
    ) -> Result<Locked, Fault> {
        let version = self.version.as_deref().unwrap_or_default();
        let older = files.get(&format!("{} {version}", self.name.as_ref()));
        let older = older.map(Vec::as_slice).unwrap_or_default();
        let hashes = self.files.iter().chain(older).map(|archive| archive.hash.clone()).collect();
        let folder = self.subdirectory.as_deref();
        let origin = if let Some(git) = &self.git {
            let at = self.revision.as_deref().or(self.r#ref.as_deref());
            Origin::Url(vcs_url("git", git, at, folder))
        } else if let Some(url) = self.url {
            match Origin::of_url(&url) {
                Origin::Url(url) => Origin::Url(with_subdirectory(url, folder)),
                local => local,
            }
        } else if let Some(path) = self.path {
            Origin::Local { path: path.into(), editable: self.editable }
        } else {
            Origin::Version(self.version.ok_or_else(|| Fault::unversioned(&self.name))?)
        };
        let at = self.name.span().start;
        let (name, extras) = (self.name.into_inner(), Vec::new());
        Ok(Locked { name, extras, origin, marker, hashes, at, index: None })
    }
}
