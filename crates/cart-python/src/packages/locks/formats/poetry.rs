//! `poetry.lock`: since 2.1 each package says which groups want it and where; before that, the way
//! from `pyproject.toml` to it does. Facts read off what Poetry 1.1, 1.8 and 2.5 write.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::walk::{self, Node};
use crate::packages::locks::asked::Asked;
use crate::packages::locks::marker::Marker;
use crate::packages::locks::origin::{Origin, vcs_url, with_subdirectory};
use crate::packages::locks::{Content, Fault, Locked};
use crate::packages::requirements::Python;
use crate::packages::spelling::normalized;

const MAIN: &str = "main";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    lock_version: Option<String>,
    python_versions: Option<String>,
    /// Up to lock version 1.1.
    #[serde(default)]
    files: BTreeMap<String, Vec<Archive>>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: String,
    #[serde(default)]
    optional: bool,
    category: Option<String>,
    groups: Option<Vec<String>>,
    markers: Option<Value>,
    #[serde(default)]
    files: Vec<Archive>,
    #[serde(default)]
    develop: bool,
    #[serde(default)]
    dependencies: Table,
    #[serde(default)]
    extras: BTreeMap<String, Vec<String>>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Archive {
    hash: String,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
    url: String,
    reference: Option<String>,
    resolved_reference: Option<String>,
    subdirectory: Option<String>,
}

/// Reads one, with the `pyproject.toml` beside it.
pub(crate) fn read(text: &str, pyproject: Option<&Table>) -> Result<Content, Fault> {
    let file: File = toml::from_str(text)?;
    let version = file.metadata.lock_version.as_deref().unwrap_or("1.0");
    if !["1.", "2."].iter().any(|known| version.starts_with(known)) {
        let found = Some(version.to_owned());
        return Err(Fault::version("lock-version", found, "1 or 2", "poetry lock"));
    }
    let of_groups = |package: &Package| package.groups.is_some();
    let by_itself = Package::by_itself;
    let wanted = walk::wanted(file.package, of_groups, by_itself, Package::node, pyproject)?;
    let packages = wanted.into_iter().map(|(p, marker)| p.locked(marker, &file.metadata.files));
    let packages = packages.collect();
    let ranges = file.metadata.python_versions;
    let alternatives =
        ranges.map(|text| crate::packages::locks::range::alternatives(&text)).unwrap_or_default();
    // Of several, any would do: that is more than one range can say.
    let python = <[String; 1]>::try_from(alternatives).ok();
    Ok(Content {
        packages,
        python: python.map(|[range]| Python { key: "python-versions", range, binds: true }),
    })
}

impl Package {
    /// What it asks for.
    fn node(&self) -> Result<Node<'_>, Fault> {
        let mut wants = Vec::new();
        for (name, value) in &self.dependencies {
            let of = Asked::of_poetry(name, value);
            wants.extend(of.map_err(|e| Fault::from(e).at(self.name.span().start))?);
        }
        let mut by_extra = BTreeMap::new();
        for (extra, lines) in &self.extras {
            // `name (>=1)`: with what the dependency says of itself beside the extra.
            let mut of_extra = Vec::new();
            for line in lines {
                of_extra.extend(Asked::of_line(line)?);
            }
            by_extra.insert(extra.clone(), of_extra);
        }
        Ok(Node { name: self.name.as_ref(), version: &self.version, wants, by_extra })
    }

    /// Where it is wanted by what it says of itself.
    fn by_itself(&self) -> Result<Marker, Fault> {
        let in_main = match (&self.groups, &self.category) {
            (Some(groups), _) => groups.iter().any(|group| group == MAIN),
            (None, Some(category)) => category == MAIN,
            (None, None) => true,
        };
        if !in_main || (self.optional && self.markers.is_none()) {
            return Ok(Marker::never());
        }
        let text = match &self.markers {
            Some(Value::Table(by_group)) => by_group.get(MAIN).and_then(Value::as_str),
            Some(value) => value.as_str(),
            None => None,
        };
        Fault::condition(text, &[], self.name.span().start)
    }

    fn locked(self, marker: Marker, files: &BTreeMap<String, Vec<Archive>>) -> Locked {
        let older =
            files.iter().find(|(name, _)| normalized(name) == normalized(self.name.as_ref()));
        let older = older.map(|(_, files)| files.as_slice()).unwrap_or_default();
        let hashes = self.files.iter().chain(older).map(|archive| archive.hash.clone()).collect();
        let mut index = None;
        let origin = match self.source {
            Some(Source { r#type, url, reference, resolved_reference, subdirectory }) => {
                let folder = subdirectory.as_deref();
                let at = resolved_reference.or(reference);
                match &*r#type {
                    "git" => Origin::Url(vcs_url("git", &url, at.as_deref(), folder)),
                    "url" => Origin::Url(with_subdirectory(url, folder)),
                    "directory" => Origin::Local { path: url.into(), editable: self.develop },
                    "file" => Origin::Local { path: url.into(), editable: false },
                    _ => {
                        index = Some(url);
                        Origin::Version(self.version)
                    }
                }
            }
            None => Origin::Version(self.version),
        };
        let at = self.name.span().start;
        let (name, extras) = (self.name.into_inner(), Vec::new());
        Locked { name, extras, origin, marker, hashes, at, index }
    }
}
