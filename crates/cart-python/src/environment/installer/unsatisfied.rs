//! A requirement that no version fits: which versions there are, and what they need.

use std::fmt;

use super::text::{after, shown};

/// How many versions are named.
const NAMED: usize = 3;

/// A requirement that no version of its package meets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsatisfied {
    /// As the installer names it.
    pub requirement: String,
    /// `requirements.txt, line 3`, if it is asked for there.
    pub place: Option<String>,
    /// The Python that was to have it, such as `3.13`.
    pub python: Option<String>,
    /// The versions for this Python, the newest last.
    pub offered: Vec<String>,
    /// The version that was meant, and the Pythons that it is for: `5.0` and `>=3.10`.
    pub needs: Option<(String, String)>,
}

impl Unsatisfied {
    /// The requirement that no version meets, if that is what `lines`, all that pip printed, tell.
    #[must_use]
    pub fn of(lines: &[String]) -> Option<Self> {
        let asked = after(lines, "Could not find a version that satisfies the requirement ");
        let found = after(lines, "No matching distribution found for ").or(asked.clone())?;
        let requirement = found.split(" (from").next().unwrap_or(&found).to_owned();
        let offered = asked.as_deref().and_then(|asked| asked.split_once("(from versions: "));
        let offered = offered.map_or("", |(_, rest)| rest.trim_end_matches(')'));
        let offered = offered.split(", ").filter(|version| !matches!(*version, "" | "none"));
        let needs = after(lines, "require a different python version: ");
        let needs = needs.and_then(|needs| needed(&needs, &requirement));
        let offered = offered.map(str::to_owned).collect();
        Some(Self { requirement, offered, needs, ..Self::default() })
    }

    /// The newest versions, without those that are only tried out, if there are others.
    fn newest(&self) -> Vec<&str> {
        let stable =
            |v: &&str| !v.contains(|c: char| c.is_ascii_alphabetic()) || v.contains(".post");
        let all = self.offered.iter().rev().map(String::as_str);
        let found: Vec<&str> = all.clone().filter(stable).take(NAMED).collect();
        if found.is_empty() { all.take(NAMED).collect() } else { found }
    }
}

/// Of `1.0 Requires-Python >=3.8; 2.0 Requires-Python >=3.10`, the version that was meant: the very
/// one that `requirement` names, else the newest.
fn needed(listed: &str, requirement: &str) -> Option<(String, String)> {
    let listed = listed.split(';').filter_map(|one| one.trim().split_once(" Requires-Python "));
    let exact = requirement.split_once("==").map(|(_, version)| version.trim());
    let of = |wanted: Option<&str>| {
        listed.clone().rfind(|(version, _)| wanted.is_none_or(|w| w == *version))
    };
    let (version, pythons) = of(exact).or_else(|| of(None).filter(|_| exact.is_none()))?;
    Some((version.to_owned(), pythons.to_owned()))
}

/// What does not fit, and what would.
impl fmt::Display for Unsatisfied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requirement, place, python, offered, needs } = self;
        let python = python.as_deref().map_or("this Python".to_owned(), |p| format!("Python {p}"));
        write!(f, "no version of `{requirement}` fits {python}{}", shown(place))?;
        if let Some((version, pythons)) = needs {
            write!(f, ": {version} needs Python {pythons}")?;
        }
        let newest = self.newest();
        let Some((last, others)) = newest.split_last() else {
            return match needs {
                Some(_) => f.write_str(". Use another Python"),
                None => f.write_str(". Check the name and the version"),
            };
        };
        let listed = match others {
            [] => format!(" is {last}"),
            others => format!(" are {} and {last}", others.join(", ")),
        };
        let more = match offered.len() > newest.len() {
            true => " among others",
            false => "",
        };
        write!(f, ". On offer{listed}{more}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found =
            Unsatisfied { python: Some("3.8".to_owned()), ..Unsatisfied::of(&lines).unwrap() };
        found.to_string()
    }

    #[test]
    fn the_python_that_a_version_needs_is_told_and_what_there_is_for_this_one() {
        let text = said(
            "ERROR: Ignored the following versions that require a different python version: \
             4.3 Requires-Python >=3.9; 5.0 Requires-Python >=3.10; 5.1 Requires-Python >=3.11\n\
             ERROR: Could not find a version that satisfies the requirement django==5.0 \
             (from versions: 1.1, 3.9, 4.0, 4.1, 4.2rc1)\n\
             ERROR: No matching distribution found for django==5.0",
        );
        insta::assert_snapshot!(text, @"no version of `django==5.0` fits Python 3.8: 5.0 needs Python >=3.10. On offer are 4.1, 4.0 and 3.9 among others");
    }

    #[test]
    fn what_every_version_needs_is_told_of_the_newest() {
        let text = said(
            "ERROR: Ignored the following versions that require a different python version: \
             1.0 Requires-Python >=3.9; 2.0 Requires-Python >=3.10\n\
             ERROR: Could not find a version that satisfies the requirement new (from versions: none)\n\
             ERROR: No matching distribution found for new",
        );
        insta::assert_snapshot!(text, @"no version of `new` fits Python 3.8: 2.0 needs Python >=3.10. Use another Python");
    }

    #[test]
    fn versions_that_are_only_tried_out_are_named_when_there_are_no_others() {
        let text = said(
            "ERROR: Could not find a version that satisfies the requirement new>1 (from versions: 1.0a1, 1.0rc1)",
        );
        insta::assert_snapshot!(text, @"no version of `new>1` fits Python 3.8. On offer are 1.0rc1 and 1.0a1");
    }
}
