//! Under which conditions a package of a lock is reached from what the app asks for.

use std::collections::VecDeque;

use crate::packages::locks::marker::{Marker, MarkerError};

/// No real lock takes a thousandth of this.
const MOST_STEPS: usize = 5_000_000;

/// The condition of each node: that of one of the ways to it, each of which has all conditions on
/// it. `edges[n]` leads from node `n` to others. Circles are no matter: a condition only widens.
///
/// # Errors
/// [`MarkerError::TooLong`] when conditions or ways have no end.
pub(super) fn conditions(
    roots: &[(usize, Marker)],
    edges: &[Vec<(usize, Marker)>],
) -> Result<Vec<Marker>, MarkerError> {
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
    for (node, marker) in roots {
        widen(*node, marker, &mut open)?;
    }
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
        let found = conditions(&[(0, always())], &edges).unwrap();
        let printed: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(printed[1], "a == '1' or b == '2'");
        assert_eq!(printed[3], "(a == '1' and c == '3') or b == '2'");
        assert!(found[4].is_always() && found[5].is_never());
    }
}
