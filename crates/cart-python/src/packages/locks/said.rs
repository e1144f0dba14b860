//! What is said of a lock beside that it was taken.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use cart_core::GearEnv;
use toml::{Table, Value};

use super::{Format, Locked, by_pyproject};
use crate::packages::requirements::Package;
use crate::packages::spelling::normalized;
use crate::variables::mirror::MirrorUrl;
use crate::variables::names::PYPI_MIRROR_URL;

/// What is asked for beside a lock that it does not have.
pub(super) fn not_locked(
    format: Format,
    wishes: Option<&Table>,
    locked: &[Package],
) -> Vec<String> {
    let Some(wishes) = wishes else { return Vec::new() };
    let names: Vec<String> = match format.wishes() {
        Format::PIPFILE => {
            let packages = wishes.get("packages").and_then(Value::as_table);
            packages.into_iter().flat_map(Table::keys).cloned().collect()
        }
        // What cannot be read there is said when it is read for itself.
        _ => {
            let asked = by_pyproject(wishes).ok().flatten().unwrap_or_default();
            let wanted = asked.into_iter().filter(|asked| !asked.marker.is_never());
            wanted.map(|asked| asked.name).collect()
        }
    };
    let is_there = |name: &String| locked.iter().any(|package| package.name == normalized(name));
    names.into_iter().filter(|name| !is_there(name)).collect()
}

/// That a lock is older than the wishes beside it.
pub(super) fn stale(file: &Utf8Path, format: Format, missing: &[String]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let name = file.file_name().unwrap_or_default();
    Some(format!(
        "{name} is older than {}: it has no {}, which is not installed. Lock again",
        format.wishes(),
        missing.join(", no ")
    ))
}

/// Variables that name one more place where packages are looked for.
const PLACES: [&str; 9] = [
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    PYPI_MIRROR_URL.name,
];

fn names_a_place(env: &GearEnv) -> bool {
    PLACES.iter().any(|name| env.get(name).is_some_and(|value| !value.is_empty()))
}

/// Where tools look for package indexes in their files.
const INDEXES: [&[&str]; 4] = [
    &["source"],
    &["tool", "poetry", "source"],
    &["tool", "pdm", "source"],
    &["tool", "uv", "index"],
];

/// That `file`, which locks nothing, names package indexes, and no setting does. The one that
/// everybody has is called so by the tools themselves.
pub(crate) fn indexes(file: &str, content: &Table, env: &GearEnv) -> Vec<String> {
    if names_a_place(env) {
        return Vec::new();
    }
    let text = |table: &Value, key: &str| Some(table.get(key)?.as_str()?.to_owned());
    let lists = INDEXES.iter().filter_map(|path| {
        let (first, rest) = path.split_first()?;
        let found = rest.iter().try_fold(content.get(*first)?, |value, key| value.get(*key));
        found?.as_array()
    });
    let named = lists
        .flatten()
        .filter(|index| !text(index, "name").is_some_and(|name| name.eq_ignore_ascii_case("pypi")));
    let urls = named.filter_map(|index| MirrorUrl::parse(&text(index, "url")?));
    urls.map(|url| {
        format!(
            "{file} names the package index {url}, which is not asked: set PIP_EXTRA_INDEX_URL to it, \
             or PIP_INDEX_URL where no other is to be asked"
        )
    })
    .collect()
}

/// That some packages were locked from another index than the others, and no setting names one.
pub(super) fn other_indexes(packages: &[Locked], env: &GearEnv) -> Vec<String> {
    if names_a_place(env) {
        return Vec::new();
    }
    let mut by_index: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        if let Some(index) = package.index.as_deref().filter(|index| index.contains("://")) {
            by_index.entry(index.trim_end_matches('/')).or_default().insert(&package.name);
        }
    }
    // The one that most are from is the one that everybody has.
    let usual = by_index.iter().max_by_key(|(_, names)| names.len()).map(|(index, _)| *index);
    let others = by_index.iter().filter(|(index, _)| Some(**index) != usual);
    others
        .map(|(index, names)| {
            let names: Vec<&str> = names.iter().copied().collect();
            let shown = MirrorUrl::parse(index)
                .map_or_else(|| "another index".to_owned(), |url| url.to_string());
            format!(
                "{} was locked from {shown}, which no setting names: if it is not found, set \
                 PIP_EXTRA_INDEX_URL to that index",
                names.join(", ")
            )
        })
        .collect()
}
