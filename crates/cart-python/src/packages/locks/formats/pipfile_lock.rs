//! `Pipfile.lock`: a flat list in JSON, with what the app needs and what its developers need apart.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::packages::locks::origin::{Origin, vcs_url};
use crate::packages::locks::{Content, Fault, Locked, Place};
use crate::packages::requirements::Python;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "_meta")]
    meta: Meta,
    #[serde(default)]
    default: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "pipfile-spec")]
    spec: Option<i64>,
    #[serde(default)]
    requires: Requires,
    #[serde(default)]
    sources: Vec<Source>,
}

#[derive(Default, Deserialize)]
struct Requires {
    python_version: Option<String>,
    python_full_version: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Entry {
    version: Option<String>,
    markers: Option<String>,
    index: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    git: Option<String>,
    r#ref: Option<String>,
    subdirectory: Option<String>,
    path: Option<String>,
    file: Option<String>,
    #[serde(default)]
    editable: bool,
}

/// Reads one.
pub(crate) fn read(text: &str) -> Result<Content, Fault> {
    let file: File = serde_json::from_str(text)?;
    if file.meta.spec != Some(6) {
        let found = file.meta.spec.map(|spec| spec.to_string());
        return Err(Fault::version("pipfile-spec", found, "6", "pipenv lock"));
    }
    let mut packages = Vec::new();
    for (name, entry) in file.default {
        // JSON does not tell where a value stood: the name as a key is near enough.
        let at = text.find(&format!("\"{name}\": {{")).unwrap_or(0);
        packages.push(entry.locked(name, at, &file.meta.sources)?);
    }
    let Requires { python_version, python_full_version } = file.meta.requires;
    let full = python_full_version.map(|version| ("python_full_version", format!("=={version}")));
    let short = python_version.map(|version| ("python_version", format!("=={version}.*")));
    let python = full.or(short).map(|(key, range)| Python { key, range, binds: false });
    Ok(Content { packages, python })
}

impl Entry {
    fn locked(self, name: String, at: usize, sources: &[Source]) -> Result<Locked, Fault> {
        let marker = Fault::condition(self.markers.as_deref(), &[], at)?;
        let origin = if let Some(git) = &self.git {
            let folder = self.subdirectory.as_deref();
            Origin::Url(vcs_url("git", git, self.r#ref.as_deref(), folder))
        } else if let Some(path) = self.path {
            Origin::Local { path: path.into(), editable: self.editable }
        } else if let Some(file) = self.file {
            if file.contains("://") {
                Origin::of_url(&file)
            } else {
                Origin::Local { path: file.into(), editable: self.editable }
            }
        } else {
            let version = self.version.as_deref().ok_or_else(|| {
                Fault::plain(&format!("`{name}` has no version: run `pipenv lock` again")).at(at)
            })?;
            match version.strip_prefix("==") {
                Some(version) => Origin::Version(version.to_owned()),
                // Of what its own environment did not want, pipenv locks the wish only.
                None => Origin::Range(if version == "*" { "" } else { version }.replace(' ', "")),
            }
        };
        let named = |index: &String| sources.iter().find(|source| source.name == *index);
        let index = match &self.index {
            Some(index) => named(index),
            None => sources.first(),
        };
        let index = index.map(|source| source.url.clone());
        Ok(Locked { name, extras: Vec::new(), origin, marker, hashes: self.hashes, at, index })
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        // Only the line is known.
        Self { place: Place::Line(error.line()), message: error.to_string() }
    }
}
