//! Ranges of versions: Poetry's and Pipenv's spelling brought to the index's own, and whether a
//! version is within one.

use std::cmp::Ordering;

/// A Poetry range (`^1.2`, `~1.2`, `1.*`, `1.2.3`, `>=1,<2`) as `>=1.2,<2`; empty for any version.
/// Of alternatives (`^1 || ^2`), which the index's spelling has not, the last is taken.
pub(crate) fn from_poetry(text: &str) -> String {
    alternatives(text).pop().unwrap_or_default()
}

/// Each alternative of a Poetry range.
pub(crate) fn alternatives(text: &str) -> Vec<String> {
    let parts = text.split('|').map(str::trim).filter(|part| !part.is_empty());
    parts.map(one).collect()
}

fn one(text: &str) -> String {
    let mut parts = Vec::new();
    let mut operator = String::new();
    for word in text.split(|c: char| c == ',' || c.is_whitespace()) {
        let version = word.trim_start_matches(|c: char| "^~=<>!".contains(c));
        operator.push_str(&word[..word.len() - version.len()]);
        if version.is_empty() {
            continue;
        }
        let part = bounded(&operator, version);
        parts.extend((!part.is_empty()).then_some(part));
        operator.clear();
    }
    parts.join(",")
}

fn bounded(operator: &str, version: &str) -> String {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let numbers = release(version);
    let below = |kept: usize| {
        let mut upper: Vec<u64> = numbers.iter().copied().take(kept + 1).collect();
        upper.resize(kept + 1, 0);
        upper[kept] = upper[kept].saturating_add(1);
        let upper: Vec<String> = upper.iter().map(u64::to_string).collect();
        format!(">={version},<{}", upper.join("."))
    };
    match operator {
        "" | "=" | "==" if version == "*" => String::new(),
        "^" => {
            let last = numbers.len().saturating_sub(1);
            below(numbers.iter().position(|n| *n > 0).unwrap_or(last))
        }
        "~" => below(usize::from(numbers.len() > 1)),
        "" | "=" => format!("=={version}"),
        other => format!("{other}{version}"),
    }
}

/// Whether `version` is within a range in the index's spelling. A part that is not understood bounds
/// nothing.
pub(crate) fn fits(range: &str, version: &str) -> bool {
    range.split(',').map(str::trim).all(|part| {
        let bound = part.trim_start_matches(|c: char| "~=<>!".contains(c));
        let operator = &part[..part.len() - bound.len()];
        let bound = bound.trim();
        let begins = |prefix: &[u64]| {
            let mut numbers = release(version);
            numbers.resize(numbers.len().max(prefix.len()), 0);
            numbers.starts_with(prefix)
        };
        if let Some(prefix) = bound.strip_suffix(".*") {
            return begins(&release(prefix)) != (operator == "!=");
        }
        let order = compare(version, bound);
        match operator {
            "==" | "===" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            ">=" => order != Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            "~=" => {
                let numbers = release(bound);
                let prefix = &numbers[..numbers.len().saturating_sub(1)];
                order != Ordering::Less && begins(prefix)
            }
            _ => true,
        }
    })
}

fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (release(a), release(b));
    let length = left.len().max(right.len());
    left.resize(length, 0);
    right.resize(length, 0);
    left.cmp(&right).then(stage(a).cmp(&stage(b)))
}

/// The numbers that a version begins with.
fn release(version: &str) -> Vec<u64> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version[..end].split('.').filter_map(|number| number.parse().ok()).collect()
}

/// Before the release (`rc1`), itself, or after it (`.post1`).
fn stage(version: &str) -> i8 {
    let version = version.split('+').next().unwrap_or(version);
    let letters = version.trim_start_matches(|c: char| c.is_ascii_digit() || ".-_".contains(c));
    match letters.chars().next() {
        None => 0,
        Some('p') if letters.starts_with("post") => 1,
        Some(_) => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poetrys_ranges_in_the_indexs_spelling() {
        for (poetry, index) in [
            ("^1.2.3", ">=1.2.3,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("^0.0.3", ">=0.0.3,<0.0.4"),
            ("^0.0", ">=0.0,<0.1"),
            ("^0", ">=0,<1"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("~1", ">=1,<2"),
            ("1.2.3", "==1.2.3"),
            ("1.2.*", "==1.2.*"),
            ("*", ""),
            (">= 1.2, <2.0", ">=1.2,<2.0"),
            (">=1 <2", ">=1,<2"),
            ("~=1.4.2", "~=1.4.2"),
            ("^2.0a1", ">=2.0a1,<3"),
            ("^1 || ^2", ">=2,<3"),
        ] {
            assert_eq!(from_poetry(poetry), index, "{poetry}");
        }
    }

    #[test]
    fn a_version_is_within_a_range_or_not() {
        for (range, version) in [
            ("", "1"),
            (">=1.2,<2", "1.10"),
            ("==1.*", "1.5"),
            ("~=1.4.2", "1.4.9"),
            (">=3.11", "3.11.0"),
            ("!=1.5", "1.5.1"),
            ("<2", "2.0rc1"),
            (">1.0", "1.0.post1"),
            ("==2.1.0", "2.1+cpu"),
        ] {
            assert!(fits(range, version), "{range} {version}");
        }
        for (range, version) in [
            (">=1.10", "1.9"),
            ("==1.*", "2"),
            ("!=1.*", "1.2"),
            ("~=1.4.2", "1.5"),
            ("<3.12", "3.12.0"),
        ] {
            assert!(!fits(range, version), "{range} {version}");
        }
    }
}
