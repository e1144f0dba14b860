//! How a new server proves itself: what it is asked, and which answers count as life.

use std::fmt;
use std::ops::RangeInclusive;

/// The path of a request, as it stands in a request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbePath(String);

impl ProbePath {
    /// Answers `None` unless `text` starts with `/` and can stand in a request line as it is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ProbePath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// A set of HTTP statuses, written `200-399,401`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Answers `None` unless `text` is statuses and rising ranges between 100 and 599.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',')
            .map(|part| {
                let (low, high) = part.split_once('-').unwrap_or((part, part));
                let (low, high) = (status(low)?, status(high)?);
                (low <= high).then_some(low..=high)
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    /// The ranges, in the order they were written.
    #[must_use]
    pub fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.0
    }
}

/// Any answer that is not the server's own failure: an app without a page at `/` lives too.
impl Default for Statuses {
    fn default() -> Self {
        Self(vec![100..=499])
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (low, high) if low == high => write!(f, "{comma}{low}")?,
                (low, high) => write!(f, "{comma}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

fn status(text: &str) -> Option<u16> {
    let digits = text.trim();
    // `parse` would take a sign as well.
    let plain = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| plain && (100..=599).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_statuses() {
        let statuses = Statuses::parse("200-399, 401").unwrap();
        assert_eq!(statuses.to_string(), "200-399,401");
        assert_eq!(statuses.ranges(), [200..=399, 401..=401]);
    }

    #[test]
    fn the_default_is_any_answer_but_the_servers_own_failure() {
        assert_eq!(Statuses::default().ranges(), [100..=499]);
    }

    #[test]
    fn what_is_no_set_of_statuses_is_refused() {
        for bad in ["", ",", "200,", "99", "600", "300-200", "200-", "+20", "2xx", "0200"] {
            assert_eq!(Statuses::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_path_must_fit_into_a_request_line() {
        assert_eq!(ProbePath::parse("/health?full=1").unwrap().as_str(), "/health?full=1");
        for bad in ["health", "", "/a b", "/a\r\nX: y", "/ä"] {
            assert_eq!(ProbePath::parse(bad), None, "{bad}");
        }
    }
}
