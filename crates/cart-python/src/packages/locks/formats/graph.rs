//! Under which conditions a package of a lock is reached from what the app asks for.

use std::collections::{BTreeMap, VecDeque};

use crate::packages::locks::marker::{Marker, MarkerError};
use crate::packages::spelling::normalized;

/// No real lock takes a thousandth of this.
const MOST_STEPS: usize = 5_000_000;

/// The packages of a lock, each a node by its index; so is the app behind them, and each extra of one.
#[derive(Default)]
pub(super) struct Graph {
    by_name: BTreeMap<String, Vec<usize>>,
    extras: BTreeMap<(usize, String), usize>,
    packages: usize,
    edges: Vec<Vec<(usize, Marker)>>,
}

impl Graph {
    /// Of packages by their names, with the names of their extras; nothing asks for any yet.
    pub(super) fn of<'a, E: Iterator<Item = &'a String>>(
        packages: impl Iterator<Item = (&'a str, E)>,
    ) -> Self {
        let mut graph = Self::default();
        for (index, (name, extras)) in packages.enumerate() {
            graph.by_name.entry(normalized(name)).or_default().push(index);
            graph.extras.extend(extras.map(|extra| ((index, normalized(extra)), 0)));
            graph.packages += 1;
        }
        let app = graph.packages;
        graph.extras.values_mut().zip(app + 1..).for_each(|(extra, node)| *extra = node);
        graph.edges = vec![Vec::new(); app + 1 + graph.extras.len()];
        graph
    }

    /// The packages of this name: several where it is locked in several versions.
    pub(super) fn named(&self, name: &str) -> Vec<usize> {
        self.by_name.get(&normalized(name)).cloned().unwrap_or_default()
    }

    /// The app.
    pub(super) fn app(&self) -> usize {
        self.packages
    }

    /// An extra that a package has.
    pub(super) fn extra(&self, package: usize, name: &str) -> Option<usize> {
        self.extras.get(&(package, normalized(name))).copied()
    }

    /// Lets the node `by` ask for a package, with those of `extras` that it has.
    pub(super) fn ask(&mut self, by: usize, package: usize, extras: &[String], marker: &Marker) {
        let extras = extras.iter().filter_map(|extra| self.extra(package, extra));
        let nodes: Vec<usize> = [package].into_iter().chain(extras).collect();
        self.edges[by].extend(nodes.into_iter().map(|node| (node, marker.clone())));
    }

    /// The condition of each package.
    ///
    /// # Errors
    /// As [`conditions`].
    pub(super) fn conditions(&self) -> Result<Vec<Marker>, MarkerError> {
        let mut found = conditions(self.app(), &self.edges)?;
        found.truncate(self.packages);
        Ok(found)
    }
}

/// The condition of each node: that of one of the ways to it from `root`, each of which has all conditions on
/// it. `edges[n]` leads from node `n` to others. Circles are no matter: a condition only widens.
///
/// # Errors
/// [`MarkerError::TooLong`] when conditions or ways have no end.
fn conditions(root: usize, edges: &[Vec<(usize, Marker)>]) -> Result<Vec<Marker>, MarkerError> {
    let mut found = vec![Marker::never(); edges.len()];
    let mut open = VecDeque::new();
    let mut widen = |node: usize, by: &Marker, open: &mut VecDeque<usize>| {
        let wider = found[node].or(by)?;
        if wider != found[node] {
            // What always holds spreads first: then nothing is worked out that it makes moot.
            if wider.is_always() {
                open.push_front(node);
            } else {
                open.push_back(node);
            }
            found[node] = wider;
        }
        Ok::<Marker, MarkerError>(found[node].clone())
    };
    widen(root, &Marker::always(), &mut open)?;
    let mut steps = 0;
    while let Some(node) = open.pop_front() {
        let here = widen(node, &Marker::never(), &mut open)?;
        for (to, marker) in &edges[node] {
            steps += 1;
            if steps > MOST_STEPS {
                return Err(MarkerError::TooLong);
            }
            widen(*to, &here.and(marker)?, &mut open)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> Marker {
        Marker::parse(text, &[]).unwrap()
    }

    #[test]
    fn conditions_are_joined_along_every_way_and_circles_end() {
        let always = Marker::always;
        let edges = vec![
            vec![(1, on("a == '1'")), (2, on("b == '2'")), (4, always())],
            vec![(3, on("c == '3'"))],
            vec![(3, always())],
            vec![(1, always())],
            vec![(0, always())],
            vec![(0, always())],
        ];
        let found = conditions(0, &edges).unwrap();
        let printed: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(printed[1], "a == '1' or b == '2'");
        assert_eq!(printed[3], "(a == '1' and c == '3') or b == '2'");
        assert!(found[4].is_always() && found[5].is_never());
    }
}
