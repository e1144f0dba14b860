//! `uv.lock`: every package of every platform, extra and group, as a graph that begins at the app.
//! Facts read off what uv 0.4 to 0.13 write.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::graph;
use crate::packages::locks::marker::{Marker, MarkerError};
use crate::packages::locks::origin::{Origin, vcs_url, with_subdirectory};
use crate::packages::locks::{Content, Fault, Locked};
use crate::packages::requirements::Python;
use crate::packages::spelling::normalized;

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
///
/// # Errors
/// [`Fault`].
pub(crate) fn read(text: &str) -> Result<Content, Fault> {
    let file: File = toml::from_str(text)?;
    if file.version != Some(1) {
        let found = file.version.map(|v| v.to_string());
        return Err(Fault::version("version", found, "1", "uv lock"));
    }
    let mut nodes = Nodes::of(&file.package);
    let roots = roots(&file)?;
    let always = roots.iter().map(|root| (*root, Marker::always())).collect::<Vec<_>>();
    let edges = nodes.edges(&file.package)?;
    let conditions = graph::conditions(&always, &edges)?;
    let mut packages = Vec::new();
    for (index, package) in file.package.iter().enumerate() {
        let mut marker = conditions[index].clone();
        // Versions of one package for different environments.
        if !package.resolution_markers.is_empty() && nodes.by_name(&package.name).len() > 1 {
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

/// Each package is a node, by its index, and so is each extra of it.
struct Nodes<'a> {
    by_name: BTreeMap<&'a str, Vec<usize>>,
    extras: BTreeMap<(usize, String), usize>,
    count: usize,
}

impl<'a> Nodes<'a> {
    fn of(packages: &'a [Package]) -> Self {
        let mut nodes =
            Self { by_name: BTreeMap::new(), extras: BTreeMap::new(), count: packages.len() };
        for (index, package) in packages.iter().enumerate() {
            nodes.by_name.entry(package.name.as_ref()).or_default().push(index);
            for extra in package.optional_dependencies.keys() {
                nodes.extras.insert((index, normalized(extra)), nodes.count);
                nodes.count += 1;
            }
        }
        nodes
    }

    fn by_name(&self, name: &Spanned<String>) -> &[usize] {
        self.by_name.get(name.as_ref().as_str()).map_or(&[], Vec::as_slice)
    }

    fn edges(&mut self, packages: &[Package]) -> Result<Vec<Vec<(usize, Marker)>>, Fault> {
        let mut edges = vec![Vec::new(); self.count];
        for (index, package) in packages.iter().enumerate() {
            for dependency in &package.dependencies {
                self.add(dependency, package, packages, &mut edges[index])?;
            }
            for (extra, dependencies) in &package.optional_dependencies {
                let node = self.extras[&(index, normalized(extra))];
                for dependency in dependencies {
                    self.add(dependency, package, packages, &mut edges[node])?;
                }
            }
        }
        Ok(edges)
    }

    fn add(
        &self,
        dependency: &Dependency,
        of: &Package,
        packages: &[Package],
        edges: &mut Vec<(usize, Marker)>,
    ) -> Result<(), Fault> {
        let marker = match &dependency.marker {
            Some(text) => {
                Marker::parse(text, &[]).map_err(|e| Fault::from(e).at(of.name.span().start))?
            }
            None => Marker::always(),
        };
        let named = self.by_name.get(dependency.name.as_str()).map_or(&[][..], Vec::as_slice);
        let mut found = false;
        for index in named.iter().copied() {
            let package = &packages[index];
            let version = dependency.version.is_none() || dependency.version == package.version;
            let source = dependency.source.as_ref().is_none_or(|s| *s == package.source);
            if !(version && source) {
                continue;
            }
            found = true;
            edges.push((index, marker.clone()));
            for extra in &dependency.extra {
                if let Some(node) = self.extras.get(&(index, normalized(extra))) {
                    edges.push((*node, marker.clone()));
                }
            }
        }
        if found { Ok(()) } else { Err(Fault::missing(&dependency.name, of.name.span().start)) }
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

impl From<MarkerError> for Fault {
    fn from(error: MarkerError) -> Self {
        Self::plain(&error.to_string())
    }
}
