//! What uv's words mean.

use crate::environment::installer::build::Unbuilt;
use crate::environment::installer::failure::{DISCOVERY, FULL, Failure, Unsatisfied};
use crate::environment::installer::text::place;
use crate::packages::requirements::Requirements;

const UNREADABLE: &[&str] = &[
    "Couldn't parse requirement",
    "Unsupported editable requirement",
    "Unsupported requirement",
    "Error parsing included file",
    "failed to decode file",
    "Expected '=' or whitespace",
    "Expected `--hash`",
    "Invalid URL in",
    "Failed to parse",
];
const CERTIFICATE: &[&str] = &["invalid peer certificate"];
const NETWORK: &[&str] = &[
    "error sending request for url",
    "Could not connect",
    "client error (Connect)",
    "dns error",
    "operation timed out",
    "Request failed after",
    "HTTP status server error",
    "HTTP status client error (407",
];
const DENIED: &[&str] = &[
    "HTTP status client error (401",
    "HTTP status client error (403",
    "(401 Unauthorized)",
    "(403 Forbidden)",
];
const HASH: &str = "Hash mismatch for `";
const UNHASHED: &[&str] = &["In `--require-hashes` mode"];
const UNKNOWN: &[&str] =
    &["was not found in the package registry", "was not found in the provided package locations"];
const NO_VERSION: &[&str] = &[
    "there is no version of",
    "there are no versions of",
    "is available and you require",
    "are available and you require",
    "does not satisfy Python",
    "no wheels with a matching",
];
/// pip takes what is only tried out where nothing else fits; uv wants to be asked for it.
const TRIED_OUT: &[&str] = &["re-releases are available for", "pre-release"];

/// The failure behind `lines`, everything that uv printed.
pub(super) fn failure(lines: &[String], requirements: Option<&Requirements>) -> Failure {
    // Older ones break what they say into lines of 80 letters.
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let text = words.join(" ");
    let said = |any: &[&str]| any.iter().any(|word| text.contains(word));
    if said(FULL) {
        Failure::DiskFull
    } else if said(UNREADABLE) {
        Failure::Malformed { requirement: last_cause(lines) }
    } else if said(DISCOVERY) {
        Failure::Discovery
    } else if let Some(unbuilt) = unbuilt(&text, lines, requirements) {
        Failure::Unbuilt(Box::new(unbuilt))
    } else if let Some(repository) = Failure::of_repository(lines) {
        repository
    } else if said(CERTIFICATE) {
        Failure::Certificate
    } else if said(DENIED) {
        Failure::Denied
    } else if said(NETWORK) {
        Failure::Network
    } else if let Some((_, named)) = text.split_once(HASH) {
        let requirement = named.split('`').next().map(str::to_owned);
        Failure::wrong_hash(requirement, requirements)
    } else if said(UNHASHED) {
        Failure::Unhashed
    } else if !said(&["No solution found"]) || said(TRIED_OUT) {
        Failure::Other
    } else if let Some(requirement) = required(&text) {
        let place = requirements.and_then(|r| place(r, &requirement));
        if said(UNKNOWN) {
            // What the app asks for may exist, and need the package that does not.
            let requirement = match unknown(&text) {
                Some(name) if !requirement.starts_with(&name) => name,
                _ => requirement,
            };
            Failure::UnknownPackage { requirement, place }
        } else if said(NO_VERSION) {
            let found = Unsatisfied { requirement, place, ..Unsatisfied::default() };
            Failure::NoSuchVersion(Box::new(found))
        } else {
            Failure::Conflict
        }
    } else {
        Failure::Conflict
    }
}

fn last_cause(lines: &[String]) -> String {
    let said = lines.iter().rev().find(|line| !line.trim().is_empty());
    said.map(|line| line.trim().to_owned()).unwrap_or_default()
}

/// The package in "Failed to build `NAME==VERSION`"; one that lies in the app's repository
/// (`NAME @ file://...`) is nobody's wheel.
fn unbuilt(text: &str, lines: &[String], requirements: Option<&Requirements>) -> Option<Unbuilt> {
    let begins = ["Failed to build `", "Failed to download and build `", "Failed to build: `"];
    let named = begins.iter().find_map(|begin| text.split_once(begin))?.1.split('`').next()?;
    let (name, version) = named.split_once("==").filter(|(name, _)| !name.contains(' '))?;
    Some(Unbuilt {
        name: Some(name.to_owned()),
        version: Some(version.to_owned()),
        place: requirements.and_then(|r| place(r, name)),
        ..Unbuilt::because(lines)
    })
}

/// `flask==99` in the last `you require flask==99, we can conclude that`.
fn required(text: &str) -> Option<String> {
    let rest = text.rsplit_once("you require ")?.1;
    let end = [", we can conclude", " and ", ", "].iter().filter_map(|end| rest.find(end)).min();
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

/// `flsk` in `Because flsk was not found in`.
fn unknown(text: &str) -> Option<String> {
    let before = UNKNOWN.iter().find_map(|word| text.split_once(word))?.0;
    before.split_whitespace().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Failure {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let requirements = Requirements {
            packages: vec![crate::packages::requirements::Package {
                name: "flask".to_owned(),
                file: "/repo/requirements.txt".into(),
                line: 3,
            }],
            ..Requirements::default()
        };
        failure(&lines, Some(&requirements))
    }

    #[test]
    fn a_version_that_is_not_there_is_told_with_its_line() {
        let newer = "error: No solution found when resolving dependencies\n  cause: Because there is \
                     no version of flask==99 and you require flask==99, we can conclude that your \
                     requirements are unsatisfiable.";
        let older = "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no \
                     version of flask==99 and you\n      require flask==99, we can\n      conclude \
                     that your requirements are unsatisfiable.";
        for text in [newer, older] {
            let Failure::NoSuchVersion(it) = told(text) else { panic!("{:?}", told(text)) };
            assert_eq!(it.requirement, "flask==99");
            assert_eq!(it.place.unwrap(), "requirements.txt, line 3");
        }
    }

    #[test]
    fn a_version_for_another_python_is_one_that_does_not_fit() {
        let text = "error: No solution found when resolving dependencies\n  cause: Because the \
                    current Python version (3.8.18) does not satisfy Python>=3.10 and django==5.0.6 \
                    depends on Python>=3.10, we can conclude that django==5.0.6 cannot be used.\n\
                    And because you require django==5.0.6, we can conclude that your requirements \
                    are unsatisfiable.";
        let Failure::NoSuchVersion(it) = told(text) else { panic!("{:?}", told(text)) };
        assert_eq!(it.requirement, "django==5.0.6");
    }

    #[test]
    fn a_package_that_nobody_offers_is_not_taken_for_a_wrong_version() {
        let text = "error: No solution found when resolving dependencies\n  cause: Because flsk was \
                    not found in the package registry and you require flsk, we can conclude that \
                    your requirements are unsatisfiable.";
        let unknown = Failure::UnknownPackage { requirement: "flsk".to_owned(), place: None };
        assert_eq!(told(text), unknown);
    }

    #[test]
    fn a_package_that_was_not_built_is_named_and_the_apps_own_is_not() {
        let text = "error: Failed to build `numpy==1.17.0`\n  cause: The build backend returned an \
                    error\n  gcc: command not found";
        let Failure::Unbuilt(it) = told(text) else { panic!("{:?}", told(text)) };
        assert_eq!((it.name.as_deref(), it.version.as_deref()), (Some("numpy"), Some("1.17.0")));
        assert_eq!(it.cause, crate::environment::installer::build::Cause::Compiler);
        let own = "error: Failed to build `app @ file:///repo`\n  cause: The build backend failed";
        assert_eq!(told(own), Failure::Other);
    }

    #[test]
    fn the_other_causes_are_known_by_uvs_words() {
        for (text, expected) in [
            (
                "error: failed to copy\n  cause: No space left on device (os error 28)",
                Failure::DiskFull,
            ),
            ("error: Failed to fetch: x\n  cause: client error (Connect)", Failure::Network),
            (
                "error: Failed to fetch: x\n  cause: error sending request for url (x)\n  cause: \
                 invalid peer certificate: UnknownIssuer",
                Failure::Certificate,
            ),
            (
                "error: Failed\n  cause: Hash mismatch for `six==1`",
                Failure::wrong_hash(Some("six==1".to_owned()), None),
            ),
            ("error: In `--require-hashes` mode, all requirements must", Failure::Unhashed),
            (
                "error: No solution found when resolving dependencies\n  cause: Because a was not \
                 found in the package registry and you require a, we can conclude x.\n\nhint: An \
                 index URL (x) could not be queried due to a lack of valid authentication \
                 credentials (401 Unauthorized)",
                Failure::Denied,
            ),
            (
                "error: Git operation failed\n  cause: failed to fetch\n  cause: process didn't \
                 exit successfully\n--- stderr\nfatal: no such repository",
                Failure::Repository { said: Some("no such repository".to_owned()) },
            ),
            (
                "error: No solution found when resolving dependencies\n  cause: Because flask==3.0.3 \
                 depends on werkzeug>=3.0.0 and you require flask==3.0.3, we can conclude that you \
                 require werkzeug>=3.0.0.\n And because you require werkzeug<2, we can conclude \
                 that your requirements are unsatisfiable.",
                Failure::Conflict,
            ),
            ("something new", Failure::Other),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        let text = "error: Couldn't parse requirement in `r.txt` at position 6\n  flask=3";
        assert_eq!(told(text), Failure::Malformed { requirement: "flask=3".to_owned() });
    }
}
