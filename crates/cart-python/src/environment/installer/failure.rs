//! Why packages could not be installed, what pip's words say of it, and what a person can do.

use super::build::{Cause, Unbuilt};
use super::text::{after, place, shown};
pub(crate) use super::unsatisfied::Unsatisfied;
use crate::packages::requirements::Requirements;
use crate::variables::names::PYPI_MIRROR_URL;

/// Why packages could not be installed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The package index could not be reached.
    #[error(
        "the package index could not be reached. Check the network and the proxy, or name an index that \
         can be reached in {}",
        PYPI_MIRROR_URL.name
    )]
    Network,
    /// What the package index says it is, nobody vouches for who is trusted here.
    #[error(
        "the package index shows a certificate that is not trusted here. Name the file with the \
         authority's certificate in PIP_CERT, or an index that is trusted"
    )]
    Certificate,
    /// The disk, or the gear's share of it, is full.
    #[error("the disk or its quota is full. Make room and try again")]
    DiskFull,
    /// A package must be built and cannot be.
    #[error("{0}")]
    Unbuilt(Box<Unbuilt>),
    /// The requirements file is not in the encoding that pip reads it in.
    #[error(
        "{file} is not UTF-8. Save it as that, or name its encoding in its first line: \
         `# -*- coding: latin-1 -*-`"
    )]
    Encoding {
        /// The file.
        file: String,
    },
    /// No version of a package fits.
    #[error("{0}")]
    NoSuchVersion(Box<Unsatisfied>),
    /// The package index knows nothing of a package, or did not answer: pip says the same.
    #[error(
        "the package index offers no `{requirement}`{}. Check the name, and whether the index can be \
         reached",
        shown(.place)
    )]
    UnknownPackage {
        /// As the installer names it.
        requirement: String,
        /// As in [`Unsatisfied`].
        place: Option<String>,
    },
    /// A line is no requirement.
    #[error("{requirement} is no requirement. Write it like `flask>=3.0`")]
    Malformed {
        /// As pip names it, with file and line.
        requirement: String,
    },
    /// Two packages want different versions of a third.
    #[error(
        "packages want different versions of another one. Loosen one of the versions that are named below"
    )]
    Conflict,
    /// A package's content is not what its hash says.
    #[error(
        "{}{} is not what its hash says. If nobody has tampered with it, renew the hash, or lock again",
        .requirement.as_ref().map_or("a package".to_owned(), |named| format!("`{named}`")),
        shown(.place)
    )]
    WrongHash {
        /// As the installer names it, if that can be told.
        requirement: Option<String>,
        /// As in [`Unsatisfied`].
        place: Option<String>,
    },
    /// Some requirements have hashes and others have none, or no version.
    #[error(
        "some requirements have hashes and others have none, or no version. Give a version and hashes to \
         each of them, also to what they need themselves, or to none"
    )]
    Unhashed,
    /// The package index wants another user, or password, or any.
    #[error(
        "the package index does not let you in. Correct the user and the password in its URL: \
         `https://USER:PASSWORD@HOST/...`, with %40 for an @ in them"
    )]
    Denied,
    /// A repository of code could not be fetched.
    #[error(
        "a repository of code could not be fetched{}. Check its URL and the network, and that it asks for \
         no password",
        shown(.said)
    )]
    Repository {
        /// What git says, if it was started.
        said: Option<String>,
    },
    /// There is no git to fetch one with.
    #[error(
        "there is no git to fetch a repository of code with. Install it, or name an archive or a version \
         of a package index instead"
    )]
    NoGit,
    /// The build tool cannot tell which of the app's folders are packages.
    #[error(
        "the build tool cannot tell which folders are packages. Name them: `py-modules = []` under \
         `[tool.setuptools]` in pyproject.toml, or `py_modules=[]` in setup.py"
    )]
    Discovery,
    /// Something else.
    #[error("the last lines say why")]
    Other,
}

impl Failure {
    /// The failure behind `lines`, everything that pip printed.
    #[must_use]
    pub fn of(lines: &[String], requirements: Option<&Requirements>) -> Self {
        let said = |words: &[&str]| {
            let mut pairs = lines.iter().flat_map(|l| words.iter().map(move |w| (l, w)));
            pairs.any(|(line, word)| line.contains(word))
        };
        let unreadable = requirements.and_then(|r| r.unreadable.as_ref());
        let mut unbuilt = Unbuilt::of(lines);
        if let Some(Unbuilt { name: Some(name), place: at, .. }) = &mut unbuilt {
            *at = requirements.and_then(|r| place(r, name));
        }
        // The order matters: pip ends with "No matching distribution" when it reached no index.
        if said(FULL) {
            Self::DiskFull
        } else if let Some(file) = unreadable.filter(|_| said(&["UnicodeDecodeError"])) {
            Self::Encoding { file: file.to_string() }
        } else if let Some(requirement) = after(lines, "Invalid requirement: ") {
            Self::Malformed { requirement }
        } else if said(DISCOVERY) {
            Self::Discovery
        } else if let Some(unbuilt) = unbuilt.take_if(|unbuilt| unbuilt.cause != Cause::Code) {
            Self::Unbuilt(Box::new(unbuilt))
        } else if let Some(repository) = Self::of_repository(lines) {
            repository
        } else if said(CERTIFICATE) {
            Self::Certificate
        } else if said(DENIED) {
            Self::Denied
        } else if said(NETWORK) {
            Self::Network
        } else if let Some(unbuilt) = unbuilt {
            Self::Unbuilt(Box::new(unbuilt))
        } else if said(HASH) {
            let named = |line: &String| Some(line.trim().split_once(" from ")?.0.to_owned());
            let mut after = lines.iter().skip_while(|line| !line.contains(HASH[0])).skip(1);
            Self::wrong_hash(after.find_map(named), requirements)
        } else if said(UNHASHED) {
            Self::Unhashed
        } else if said(CONFLICT) {
            Self::Conflict
        } else if let Some(unsatisfied) = Unsatisfied::of(lines) {
            Self::of_unsatisfied(unsatisfied, requirements)
        } else {
            Self::Other
        }
    }

    /// The failure that a requirement is which no version meets, with the line at fault.
    pub(super) fn of_unsatisfied(
        mut unsatisfied: Unsatisfied,
        requirements: Option<&Requirements>,
    ) -> Self {
        unsatisfied.place = requirements.and_then(|r| place(r, &unsatisfied.requirement));
        if unsatisfied.offered.is_empty() && unsatisfied.needs.is_none() {
            let Unsatisfied { requirement, place, .. } = unsatisfied;
            return Self::UnknownPackage { requirement, place };
        }
        Self::NoSuchVersion(Box::new(unsatisfied))
    }

    /// The failure of git, in any installer's words.
    pub(super) fn of_repository(lines: &[String]) -> Option<Self> {
        let said = |words: &[&str]| lines.iter().any(|l| words.iter().any(|word| l.contains(word)));
        if said(NO_GIT) {
            return Some(Self::NoGit);
        }
        // What git says first is the reason.
        let fatal = after(lines, "fatal: ");
        said(GIT).then_some(Self::Repository { said: fatal })
    }

    pub(super) fn wrong_hash(
        requirement: Option<String>,
        requirements: Option<&Requirements>,
    ) -> Self {
        let place = requirement.as_ref().and_then(|name| place(requirements?, name));
        Self::WrongHash { requirement, place }
    }
}

pub(super) const FULL: &[&str] = &["No space left on device", "Disk quota exceeded"];
pub(super) const DISCOVERY: &[&str] = &[
    "Multiple top-level packages discovered",
    "Multiple top-level modules discovered",
    "Unable to determine which files to ship inside the wheel",
];
const NETWORK: &[&str] = &[
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Max retries exceeded",
    "connection broken by",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "Connection refused",
];
const CERTIFICATE: &[&str] = &["SSL: CERTIFICATE_VERIFY_FAILED"];
const DENIED: &[&str] = &["401 Client Error", "403 Client Error", "401 Error, Credentials"];
const HASH: &[&str] = &["DO NOT MATCH THE HASHES"];
const UNHASHED: &[&str] = &[
    "all requirements must have their versions pinned",
    "Hashes are required in --require-hashes",
];
const GIT: &[&str] =
    &["× git ", "Git operation failed", "Command errored out with exit status 128: git"];
const NO_GIT: &[&str] = &["Cannot find command 'git'", "Git executable not found"];
const CONFLICT: &[&str] = &["ResolutionImpossible", "conflicting dependencies"];

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> Failure {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let requirements = Requirements {
            packages: vec![crate::packages::requirements::Package {
                name: "flask".to_owned(),
                file: "/repo/requirements.txt".into(),
                line: 3,
            }],
            ..Requirements::default()
        };
        Failure::of(&lines, Some(&requirements))
    }

    #[test]
    fn a_version_that_is_not_there_is_told_with_its_line() {
        let failure = failure(
            "ERROR: Could not find a version that satisfies the requirement Flask==99 (from versions: 1, 2)\n\
             ERROR: No matching distribution found for Flask==99 (from -r requirements.txt (line 3))",
        );
        insta::assert_snapshot!(failure, @"no version of `Flask==99` fits this Python (requirements.txt, line 3). On offer are 2 and 1");
    }

    #[test]
    fn a_package_that_nobody_offers_is_not_taken_for_a_wrong_version() {
        let failure = failure(
            "ERROR: Could not find a version that satisfies the requirement flsk (from versions: none)\n\
             ERROR: No matching distribution found for flsk",
        );
        insta::assert_snapshot!(failure, @"the package index offers no `flsk`. Check the name, and whether the index can be reached");
    }

    #[test]
    fn an_index_out_of_reach_is_not_taken_for_a_missing_version() {
        let failure = failure(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
             ERROR: No matching distribution found for flask",
        );
        assert_eq!(failure, Failure::Network);
    }

    #[test]
    fn a_line_that_is_no_requirement_is_shown() {
        let failure = failure("ERROR: Invalid requirement: 'flask=3' (from line 2 of r.txt)");
        insta::assert_snapshot!(failure, @"'flask=3' (from line 2 of r.txt) is no requirement. Write it like `flask>=3.0`");
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_named() {
        let lines = ["UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfc".to_owned()];
        let file = Some("requirements.txt".into());
        let requirements = Requirements { unreadable: file, ..Requirements::default() };
        insta::assert_snapshot!(
            Failure::of(&lines, Some(&requirements)),
            @"requirements.txt is not UTF-8. Save it as that, or name its encoding in its first line: `# -*- coding: latin-1 -*-`"
        );
        assert_eq!(Failure::of(&lines, None), Failure::Other, "it was something else");
    }

    #[test]
    fn a_package_with_another_hash_is_named_with_its_line() {
        let failure = failure(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have\n\
             \x20   flask==3.0 from https://example.com/flask.whl (from -r x (line 1)):",
        );
        insta::assert_snapshot!(failure, @"`flask==3.0` (requirements.txt, line 3) is not what its hash says. If nobody has tampered with it, renew the hash, or lock again");
    }

    #[test]
    fn what_git_says_is_the_reason() {
        let failure = failure(
            "  fatal: repository 'https://example.com/x/' not found\n  error: subprocess-exited-with-error\n\
             \x20 × git clone --filter=blob:none --quiet https://example.com/x /tmp/x did not run successfully.\n",
        );
        insta::assert_snapshot!(failure, @"a repository of code could not be fetched (repository 'https://example.com/x/' not found). Check its URL and the network, and that it asks for no password");
    }

    #[test]
    fn the_other_causes_are_known_by_pips_words() {
        for (text, expected) in [
            ("ERROR: [Errno 28] No space left on device", Failure::DiskFull),
            ("ERROR: ResolutionImpossible: for help visit", Failure::Conflict),
            ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", Failure::Certificate),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", Failure::wrong_hash(None, None)),
            ("ERROR: Hashes are required in --require-hashes mode, but", Failure::Unhashed),
            (
                "ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden",
                Failure::Denied,
            ),
            ("ERROR: Cannot find command 'git' - do you have 'git' installed", Failure::NoGit),
            (
                "  error: Multiple top-level packages discovered in a flat-layout",
                Failure::Discovery,
            ),
            ("something new", Failure::Other),
        ] {
            assert_eq!(failure(text), expected, "{text}");
        }
    }
}
