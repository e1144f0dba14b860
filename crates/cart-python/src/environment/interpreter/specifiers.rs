//! Which releases of Python a project allows: the version specifiers of PEP 440, as far as they
//! tell releases apart, and what poetry and pipenv write beside them (`^3.10`, `~3.10`, `3.11`,
//! `*`, `||`).

use std::fmt;
use std::ops::Range;

use semver::Version;

/// No specifier that anybody means is longer, in bytes.
const LONGEST: usize = 1000;

/// No minor version has had more releases.
const MOST_PATCHES: u64 = 40;

/// A condition on releases of Python, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specifiers {
    text: String,
    /// One of these must hold, each with all its clauses.
    any_of: Vec<Vec<Clause>>,
}

/// A range of releases.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    range: Range<[u64; 3]>,
    /// Whether all others are meant.
    excludes: bool,
}

impl Specifiers {
    /// Reads `>=3.10,<3.13`, `~=3.11`, `==3.12.*`, `^3.10`, `>=3.8 <4 || 3.7.*`; answers `None` for
    /// what is nothing of the kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let alternatives = text.split('|').filter(|part| !part.is_empty());
        let any_of = alternatives.map(clauses).collect::<Option<Vec<_>>>()?;
        Some(Self { text: text.to_owned(), any_of })
    }

    /// Whether this release is allowed; only its three numbers count.
    #[must_use]
    pub fn allow(&self, version: &Version) -> bool {
        let numbers = [version.major, version.minor, version.patch];
        let holds = |clause: &Clause| clause.range.contains(&numbers) != clause.excludes;
        self.any_of.iter().any(|all_of| all_of.iter().all(holds))
    }

    /// Whether any release of this minor version is allowed.
    #[must_use]
    pub fn allow_some(&self, major: u64, minor: u64) -> bool {
        (0..MOST_PATCHES).any(|patch| self.allow(&Version::new(major, minor, patch)))
    }
}

/// As it was written.
impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Clauses that must all hold, separated by commas or spaces; there may be spaces after an operator,
/// too.
fn clauses(text: &str) -> Option<Vec<Clause>> {
    let separates = |c: char| c == ',' || c.is_whitespace();
    let operates = |c: char| matches!(c, '<' | '>' | '=' | '!' | '~' | '^');
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(separates);
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(operates);
        let operator = &rest[..rest.len() - behind.len()];
        let behind = behind.trim_start();
        let end = behind.find(|c| separates(c) || operates(c)).unwrap_or(behind.len());
        found.push(clause(operator, &Release::parse(&behind[..end])?)?);
        rest = behind[end..].trim_start_matches(separates);
    }
    Some(found)
}

fn clause(operator: &str, release: &Release) -> Option<Clause> {
    let Release { numbers, open, before } = release;
    let (first, at, end) = ([0; 3], release.beginning(3), [u64::MAX; 3]);
    // Behind all releases that have the first numbers of this one; of more than three there are none.
    let behind = |kept: usize| match kept.checked_sub(1) {
        Some(3..) => at,
        Some(last) => {
            let mut numbers = release.beginning(kept);
            numbers[last] = numbers[last].saturating_add(1);
            numbers
        }
        None => end,
    };
    let range = match operator {
        // What comes after a pre-release is the release itself.
        ">=" => at..end,
        ">" if *before => at..end,
        ">" => behind(3)..end,
        "<=" if !*before => first..behind(3),
        "<=" | "<" => first..at,
        "!=" if *before => end..end,
        "==" | "=" | "===" | "" | "!=" if *open => at..behind(numbers.len()),
        "" if numbers.len() < 3 => at..behind(numbers.len()),
        "==" | "=" | "===" | "" | "!=" => at..behind(3),
        "~=" if numbers.len() > 1 => at..behind(numbers.len() - 1),
        "^" => at..behind(numbers.len().min(1)),
        "~" => at..behind(numbers.len().min(2)),
        _ => return None,
    };
    Some(Clause { range, excludes: operator == "!=" })
}

/// A release, or the beginning of the numbers of several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// At most three, or more in front of a `*`.
    pub(crate) numbers: Vec<u64>,
    /// Whether `.*` or `.x` stands behind them.
    pub(crate) open: bool,
    /// Whether it is one before the release itself, such as `3.14.0rc1`.
    before: bool,
}

impl Release {
    /// Reads `3`, `3.12`, `3.12.4`, `3.12.x`, `3.12.*`, `3.14.0rc1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut release = Self { numbers: Vec::new(), open: false, before: false };
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        while let Some(part) = parts.next() {
            if matches!(part, "*" | "x") {
                release.open = true;
                return parts.next().is_none().then_some(release);
            }
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                release.numbers.push(part[..digits].parse().ok()?);
            }
            if digits < part.len() {
                let stage = part[digits..].trim_start_matches(['-', '_']);
                let stage = stage.trim_end_matches(|c: char| c.is_ascii_digit());
                release.before = is_before(stage)?;
                break;
            }
        }
        let sound = matches!(release.numbers.as_slice(), [_] | [_, _] | [_, _, _]);
        sound.then_some(release)
    }

    /// Its first numbers, with zeros behind them.
    fn beginning(&self, kept: usize) -> [u64; 3] {
        let number = |at: usize| self.numbers.get(at).copied().filter(|_| at < kept).unwrap_or(0);
        [number(0), number(1), number(2)]
    }
}

/// Whether a stage of development comes before the release; `None` when it is none.
fn is_before(stage: &str) -> Option<bool> {
    match stage {
        "a" | "b" | "c" | "rc" | "alpha" | "beta" | "pre" | "preview" | "dev" => Some(true),
        "post" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The releases among these that are allowed.
    fn allowed(text: &str) -> String {
        const RELEASES: &[&str] =
            &["2.7.18", "3.7.0", "3.10.0", "3.10.4", "3.11.7", "3.12.0", "3.12.1", "3.13.0"];
        let specifiers = Specifiers::parse(text).unwrap_or_else(|| panic!("{text:?} is none"));
        let fitting = RELEASES.iter().filter(|r| specifiers.allow(&Version::parse(r).unwrap()));
        fitting.copied().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn operators_mean_what_pep_440_says() {
        for (text, expected) in [
            (">=3.12", "3.12.0 3.12.1 3.13.0"),
            (">= 3.10 , < 3.12", "3.10.0 3.10.4 3.11.7"),
            (">3.12", "3.12.1 3.13.0"),
            ("<=3.10", "2.7.18 3.7.0 3.10.0"),
            ("~=3.11", "3.11.7 3.12.0 3.12.1 3.13.0"),
            ("~=3.10.1", "3.10.4"),
            ("==3.12.*", "3.12.0 3.12.1"),
            ("==3.12.1", "3.12.1"),
            ("==3.12", "3.12.0"),
            (">=3.10,!=3.11.*,!=3.12.0", "3.10.0 3.10.4 3.12.1 3.13.0"),
            ("<3.13.0a1,>=3.12", "3.12.0 3.12.1"),
            ("<=3.13.0rc1,>=3.12.1", "3.12.1"),
            (">3.13.0rc1", "3.13.0"),
            (">=3.13.dev0,!=3.13.0b2", "3.13.0"),
            (">=3.8.*,<3.11.*", "3.10.0 3.10.4"),
            // A release has three numbers.
            (">=3.13,!=3.13.0.2.*", "3.13.0"),
            ("==3.9.1.2.*,<4", ""),
            ("~=3.1.2.3.4.*,<4", ""),
        ] {
            assert_eq!(allowed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_poetry_writes_is_understood() {
        for (text, expected) in [
            ("^3.12", "3.12.0 3.12.1 3.13.0"),
            ("^3.10.1", "3.10.4 3.11.7 3.12.0 3.12.1 3.13.0"),
            ("~3.10", "3.10.0 3.10.4"),
            ("~2.7 || ^3.12.1", "2.7.18 3.12.1 3.13.0"),
            (">=3.7 <3.11", "3.7.0 3.10.0 3.10.4"),
            ("3.11", "3.11.7"),
            ("3.*", "3.7.0 3.10.0 3.10.4 3.11.7 3.12.0 3.12.1 3.13.0"),
        ] {
            assert_eq!(allowed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_specifier_is_none() {
        for text in ["", "three", ">=", ">=3.x.1", "=>3.8", "~=3", "3.13t", "1!3.8", ">=3.8;x", "."]
        {
            assert_eq!(Specifiers::parse(text), None, "{text}");
        }
        assert_eq!(Specifiers::parse(&">=3.8,".repeat(1000)), None);
    }

    #[test]
    fn a_minor_version_counts_by_any_of_its_releases() {
        let specifiers = Specifiers::parse(">3.10.5,<3.12").unwrap();
        assert!(specifiers.allow_some(3, 10) && specifiers.allow_some(3, 11));
        assert!(!specifiers.allow_some(3, 12) && !specifiers.allow_some(2, 7));
    }
}
