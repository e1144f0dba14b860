//! The way from what an app asks for to the packages of a lock that does not say it of each.

use std::collections::BTreeMap;

use toml::Table;

use super::graph::Graph;
use crate::packages::locks::Fault;
use crate::packages::locks::asked::{self, Asked};
use crate::packages::locks::marker::{Marker, MarkerError};
use crate::packages::locks::range;

/// A package of a lock.
pub(super) struct Node<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// What it always asks for.
    pub wants: Vec<Asked>,
    /// What it asks for with an extra.
    pub by_extra: BTreeMap<String, Vec<Asked>>,
}

/// The packages that are wanted, and where: as each says `by_itself`, but where they say nothing `of_groups`
/// and the app says what it asks for, by the way from that.
pub(super) fn wanted<P>(
    packages: Vec<P>,
    of_groups: fn(&P) -> bool,
    by_itself: fn(&P) -> Result<Marker, Fault>,
    node: for<'a> fn(&'a P) -> Result<Node<'a>, Fault>,
    pyproject: Option<&Table>,
) -> Result<Vec<(P, Marker)>, Fault> {
    let asked = pyproject.map(asked::by_pyproject).transpose()?.flatten();
    let markers = match asked {
        Some(asked) if !packages.iter().any(of_groups) => {
            let nodes = packages.iter().map(node).collect::<Result<Vec<_>, _>>()?;
            conditions(&nodes, &asked)?
        }
        _ => packages.iter().map(by_itself).collect::<Result<_, _>>()?,
    };
    let wanted = packages.into_iter().zip(markers).filter(|(_, marker)| !marker.is_never());
    Ok(wanted.collect())
}

/// The condition of each package, in their order, when the app asks for `asked`.
fn conditions(packages: &[Node<'_>], asked: &[Asked]) -> Result<Vec<Marker>, MarkerError> {
    let mut graph = Graph::of(packages.iter().map(|p| (p.name, p.by_extra.keys())));
    let mut asks: Vec<(usize, &Asked)> = asked.iter().map(|one| (graph.app(), one)).collect();
    for (index, package) in packages.iter().enumerate() {
        asks.extend(package.wants.iter().map(|one| (index, one)));
        for (extra, wants) in &package.by_extra {
            let node = graph.extra(index, extra);
            asks.extend(node.into_iter().flat_map(|node| wants.iter().map(move |one| (node, one))));
        }
    }
    for (by, one) in asks {
        let mut named = graph.named(&one.name);
        // One that is the only one of its name is meant, whatever its range says.
        if named.len() > 1 {
            named.retain(|index| range::fits(&one.range, packages[*index].version));
        }
        for index in named {
            graph.ask(by, index, &one.extras, &one.marker);
        }
    }
    graph.conditions()
}
