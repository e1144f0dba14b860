//! Figures of whatever is measured, and what is computed of them.

use super::machine::QUIET;

/// A table of what is measured otherwise than by requests per second.
#[derive(Debug)]
pub struct Figures {
    /// What is measured.
    pub name: String,
    /// With what, in one line.
    pub about: String,
    /// Of whom.
    pub columns: Vec<String>,
    /// A figure of all of them in each.
    pub rows: Vec<Line>,
    /// How many rounds were played, those that were repeated included.
    pub played: usize,
    /// For each round that counts, which part of the machine others had.
    pub others: Vec<f64>,
}

/// A figure of everybody.
#[derive(Debug)]
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// In what it is counted.
    pub unit: &'static str,
    /// For each column what was seen, as often as it was looked at; nothing where there is no such figure.
    pub cells: Vec<Vec<f64>>,
}

/// How many of the rounds with these shares of others were disturbed.
#[must_use]
pub(crate) fn disturbed(others: &[f64]) -> usize {
    others.iter().filter(|share| **share > QUIET).count()
}

/// The one in the middle, or halfway between the two in the middle; 0 of none.
#[must_use]
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => 0.0,
        (1, Some(figure)) => *figure,
        (_, Some(upper)) => {
            sorted.get(middle.wrapping_sub(1)).map_or(*upper, |l| (l + upper) / 2.0)
        }
    }
}

/// How many times as much one was as another, round by round: a machine that is slower in one round is
/// so for both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The median of the rounds.
    pub median: f64,
    /// The least of a round.
    pub least: f64,
    /// The most of a round.
    pub most: f64,
}

impl Ratio {
    /// Of figures of the same rounds; `None` without any, and when one of those below is not above 0.
    #[must_use]
    pub fn of(above: &[f64], below: &[f64]) -> Option<Self> {
        if above.is_empty() || above.len() != below.len() || below.iter().any(|b| *b <= 0.0) {
            return None;
        }
        let each: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        Some(Self {
            median: median(&each),
            least: each.iter().copied().fold(f64::INFINITY, f64::min),
            most: each.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "nothing of it is rounded")]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(&[8.0, 1.0, 2.0, 4.0]), 3.0);
        assert_eq!((median(&[5.0]), median(&[])), (5.0, 0.0));
    }

    #[test]
    fn a_ratio_is_of_the_same_round() {
        // The machine was twice as slow in the second round: the medians would say 1.0 to 1.5.
        let ratio = Ratio::of(&[100.0, 50.0, 80.0], &[100.0, 100.0, 40.0]).unwrap();
        assert_eq!(ratio, Ratio { median: 1.0, least: 0.5, most: 2.0 });
        assert_eq!(Ratio::of(&[], &[]), None);
        assert_eq!(Ratio::of(&[1.0], &[0.0]), None);
        assert_eq!(Ratio::of(&[1.0], &[1.0, 2.0]), None);
    }
}
