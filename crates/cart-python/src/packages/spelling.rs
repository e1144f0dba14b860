//! The names and versions of packages, in a form in which they can be compared.

use semver::Version;

/// The one spelling of a package's name: small letters, every run of `-`, `_` and `.` a single
/// `-` (the package index's own rule).
#[must_use]
pub(crate) fn normalized(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if spelled.ends_with('-') => {}
            '-' | '_' | '.' => spelled.push('-'),
            c => spelled.push(c.to_ascii_lowercase()),
        }
    }
    spelled
}

/// The name that a requirement begins with; empty where it begins with none.
#[must_use]
pub(crate) fn name_in(requirement: &str) -> &str {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    requirement.split(|c| !named(c)).next().unwrap_or_default()
}

/// The first three numbers of a package's version; what else versions of packages have (`rc1`,
/// `.post2`) decides nothing here.
#[must_use]
pub(crate) fn comparable(version: &str) -> Version {
    let mut numbers = version.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse().unwrap_or(0)
    });
    let mut next = || numbers.next().unwrap_or(0);
    Version::new(next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_packages_are_compared_by_their_numbers() {
        let oldest = Version::new(20, 1, 0);
        for old in ["18.1", "19.9.0", "20.0.4", "20"] {
            assert!(comparable(old) < oldest, "{old}");
        }
        for new in ["20.1", "20.1.0.post1", "21.3rc1", "26.7.0"] {
            assert!(comparable(new) >= oldest, "{new}");
        }
    }
}
