//! The way from what an app asks for to the packages of a lock that does not say it of each.

use std::collections::BTreeMap;

use super::graph;
use crate::packages::locks::asked::Asked;
use crate::packages::locks::marker::{Marker, MarkerError};
use crate::packages::locks::range;
use crate::packages::spelling::normalized;

/// A package of a lock.
pub(super) struct Node<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// What it always asks for.
    pub wants: Vec<Asked>,
    /// What it asks for with an extra, whose name is normalized.
    pub by_extra: BTreeMap<String, Vec<Asked>>,
}

/// The condition of each package, in their order, when the app asks for `asked`.
pub(super) fn conditions(
    packages: &[Node<'_>],
    asked: &[Asked],
) -> Result<Vec<Marker>, MarkerError> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut extras = BTreeMap::new();
    let mut count = packages.len();
    for (index, package) in packages.iter().enumerate() {
        by_name.entry(normalized(package.name)).or_default().push(index);
        for extra in package.by_extra.keys() {
            extras.insert((index, extra.as_str()), count);
            count += 1;
        }
    }
    let to = |asked: &Asked| {
        let named = by_name.get(&normalized(&asked.name)).map_or(&[][..], Vec::as_slice);
        let fits = |index: &&usize| range::fits(&asked.range, packages[**index].version);
        // One that is the only one of its name is meant, whatever its range says.
        let fitting: Vec<usize> = match named.len() {
            0 | 1 => named.to_vec(),
            _ => named.iter().filter(fits).copied().collect(),
        };
        let mut edges = Vec::new();
        for index in fitting {
            edges.push((index, asked.marker.clone()));
            let with = asked.extras.iter().map(|extra| normalized(extra));
            let nodes = with.filter_map(|extra| extras.get(&(index, extra.as_str())).copied());
            edges.extend(nodes.map(|node| (node, asked.marker.clone())));
        }
        edges
    };
    let mut edges = vec![Vec::new(); count];
    for (index, package) in packages.iter().enumerate() {
        edges[index] = package.wants.iter().flat_map(to).collect();
        for (extra, wants) in &package.by_extra {
            edges[extras[&(index, extra.as_str())]] = wants.iter().flat_map(to).collect();
        }
    }
    let roots: Vec<_> = asked.iter().flat_map(to).collect();
    let mut found = graph::conditions(&roots, &edges)?;
    found.truncate(packages.len());
    Ok(found)
}
