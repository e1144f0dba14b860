//! `uv.lock`: every package of every platform, extra and group, as a graph that begins at the app.
//! Facts read off what uv 0.4 to 0.13 write.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::graph::Graph;
use crate::packages::locks::marker::Marker;
use crate::packages::locks::origin::{Origin, vcs_url, with_subdirectory};
use crate::packages::locks::{Content, Fault, Locked};
use crate::packages::requirements::Python;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    version: Option<i64>,
    requires_python: Option<String>,
    #[serde(default)]
    manifest: Manifest,
    // The first versions of uv called a package so.
    #[serde(default, alias = "distribution")]
    package: Vec<Package>,
}

#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    source: Source,
    #[serde(default)]
    resolution_markers: Vec<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Dependency>>,
    sdist: Option<Archive>,
    #[serde(default)]
    wheels: Vec<Archive>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Source {
    registry: Option<String>,
    git: Option<String>,
    url: Option<String>,
    path: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct Archive {
    hash: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    version: Option<String>,
    source: Option<Source>,
    #[serde(default)]
    extra: Vec<String>,
    marker: Option<String>,
}

/// Reads one.
pub(crate) fn read(text: &str) -> Result<Content, Fault> {
    let file: File = toml::from_str(text)?;
    if file.version != Some(1) {
        let found = file.version.map(|v| v.to_string());
        return Err(Fault::version("version", found, "1", "uv lock"));
    }
    let graph = graph(&file)?;
    let conditions = graph.conditions()?;
    let mut packages = Vec::new();
    for (index, package) in file.package.iter().enumerate() {
        let mut marker = conditions[index].clone();
        // Versions of one package for different environments.
        if !package.resolution_markers.is_empty() && graph.named(package.name.as_ref()).len() > 1 {
            let mut either = Marker::never();
            for text in &package.resolution_markers {
                either = either.or(&Marker::parse(text, &[])?)?;
            }
            marker = marker.and(&either)?;
        }
        if let Some(origin) = package.origin().filter(|_| !marker.is_never()) {
            packages.push(package.locked(origin?, marker));
        }
    }
    let python =
        file.requires_python.map(|range| Python { key: "requires-python", range, binds: true });
    Ok(Content { packages, python })
}

/// The app itself, or where it is none, every member of its workspace.
fn roots(file: &File) -> Result<Vec<usize>, Fault> {
    let is_app = |package: &Package| {
        let Source { editable, r#virtual, directory, .. } = &package.source;
        [editable, r#virtual, directory].into_iter().flatten().any(|path| path == ".")
    };
    let indexes = |wanted: &dyn Fn(&Package) -> bool| {
        let packages = file.package.iter().enumerate();
        packages.filter(|(_, package)| wanted(package)).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let app = indexes(&is_app);
    if !app.is_empty() {
        return Ok(app);
    }
    let members = indexes(&|package| file.manifest.members.contains(package.name.as_ref()));
    if members.is_empty() && !file.package.is_empty() {
        return Err(Fault::plain(
            "no package has `source = { virtual = \".\" }` or `{ editable = \".\" }`, which is the \
             app: run `uv lock` in its folder",
        ));
    }
    Ok(members)
}

/// Which package asks for which, from the app on.
fn graph(file: &File) -> Result<Graph, Fault> {
    let packages = &file.package;
    let names = packages.iter().map(|p| (p.name.as_ref().as_str(), p.optional_dependencies.keys()));
    let mut graph = Graph::of(names);
    for root in roots(file)? {
        graph.ask(graph.app(), root, &[], &Marker::always());
    }
    for (index, package) in packages.iter().enumerate() {
        let mut asks: Vec<_> = package.dependencies.iter().map(|one| (index, one)).collect();
        for (extra, dependencies) in &package.optional_dependencies {
            let node = graph.extra(index, extra);
            asks.extend(node.into_iter().flat_map(|n| dependencies.iter().map(move |d| (n, d))));
        }
        for (by, dependency) in asks {
            let at = package.name.span().start;
            let marker = Fault::condition(dependency.marker.as_deref(), &[], at)?;
            let mut meant = graph.named(&dependency.name);
            meant.retain(|index| dependency.means(&packages[*index]));
            if meant.is_empty() {
                return Err(Fault::missing(&dependency.name, at));
            }
            for index in meant {
                graph.ask(by, index, &dependency.extra, &marker);
            }
        }
    }
    Ok(graph)
}

impl Dependency {
    fn means(&self, package: &Package) -> bool {
        (self.version.is_none() || self.version == package.version)
            && self.source.as_ref().is_none_or(|source| *source == package.source)
    }
}

impl Package {
    /// `None` for a folder that is only a list of dependencies.
    fn origin(&self) -> Option<Result<Origin, Fault>> {
        let source = &self.source;
        let subdirectory = source.subdirectory.as_deref();
        Some(Ok(if let Some(git) = &source.git {
            git_origin(git, subdirectory)
        } else if let Some(url) = &source.url {
            Origin::Url(with_subdirectory(url.clone(), subdirectory))
        } else if let Some(path) = &source.editable {
            Origin::Local { path: path.into(), editable: true }
        } else if let Some(path) = source.path.as_ref().or(source.directory.as_ref()) {
            Origin::Local { path: path.into(), editable: false }
        } else if source.r#virtual.is_some() {
            return None;
        } else {
            match &self.version {
                Some(version) => Origin::Version(version.clone()),
                None => return Some(Err(Fault::unversioned(&self.name))),
            }
        }))
    }

    fn locked(&self, origin: Origin, marker: Marker) -> Locked {
        let archives = self.sdist.iter().chain(&self.wheels);
        Locked {
            name: self.name.as_ref().clone(),
            extras: Vec::new(),
            origin,
            marker,
            hashes: archives.filter_map(|archive| archive.hash.clone()).collect(),
            at: self.name.span().start,
            index: self.source.registry.clone(),
        }
    }
}

/// `https://host/repo?subdirectory=x&rev=main#commit`
fn git_origin(git: &str, subdirectory: Option<&str>) -> Origin {
    let (url, commit) = match git.split_once('#') {
        Some((url, commit)) => (url, Some(commit)),
        None => (git, None),
    };
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let value =
        |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    let folder = value("subdirectory").map(|folder| folder.replace("%2F", "/"));
    let at = commit.or_else(|| value("rev").or_else(|| value("tag")).or_else(|| value("branch")));
    Origin::Url(vcs_url("git", url, at, folder.as_deref().or(subdirectory)))
}
