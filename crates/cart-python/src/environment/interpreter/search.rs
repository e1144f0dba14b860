//! Where Pythons are, and in which order they are asked.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{GearEnv, programs};
use semver::Version;

use super::{Interpreter, InterpreterError, OLDEST_MINOR, Wanted, ask};
use crate::packages::spelling::comparable;

/// The newest that is looked for by name; `python3` alone finds any.
const NEWEST_MINOR: u64 = 29;

/// Where Pythons are that are often not on a gear's PATH.
const USUAL_DIRECTORIES: &[&str] = &["/usr/local/bin"];

/// Software collections of Red Hat, one Python each.
const COLLECTIONS: &str = "/opt/rh";

/// How long Pythons are looked for only to be named.
const LIST_LIMIT: Duration = Duration::from_secs(5);

/// Where to look, beside the PATH.
pub(super) struct Search<'a> {
    pub(super) env: &'a GearEnv,
    pub(super) more: Vec<String>,
}

impl<'a> Search<'a> {
    pub(super) fn of_gear(env: &'a GearEnv) -> Self {
        let mut more: Vec<String> = USUAL_DIRECTORIES.iter().map(|d| (*d).to_owned()).collect();
        more.extend(below(COLLECTIONS.into(), "root/usr/bin"));
        for manager in version_managers(env) {
            more.extend(below(manager.join("versions"), "bin"));
            more.extend(below(manager.join("installs/python"), "bin"));
        }
        Self { env, more }
    }

    pub(super) fn find(&self, wanted: &Wanted) -> Result<Interpreter, InterpreterError> {
        let (mut second_best, mut without_venv) = (None, None);
        for interpreter in self.candidates(wanted) {
            if !wanted.matches(&interpreter.version) {
                continue;
            }
            if !interpreter.makes_environments {
                without_venv.get_or_insert(interpreter);
            } else if wanted.is_best(&interpreter.version) {
                return Ok(interpreter);
            } else {
                second_best.get_or_insert(interpreter);
            }
        }
        match (second_best, without_venv) {
            (Some(interpreter), _) => Ok(interpreter),
            (None, Some(Interpreter { version, executable, .. })) => {
                Err(InterpreterError::NoVenv { version, executable })
            }
            (None, None) => Err(self.not_found(wanted)),
        }
    }

    /// Every different Python under the names that fit, best first; run one by one, as needed.
    fn candidates(&self, wanted: &Wanted) -> impl Iterator<Item = Interpreter> {
        let (mut asked, mut seen) = (HashSet::new(), HashSet::new());
        self.programs(wanted)
            .into_iter()
            .filter(move |program| asked.insert(real(program)))
            .filter_map(|program| ask(&program, self.env))
            .filter(move |interpreter| seen.insert(interpreter.executable.clone()))
    }

    fn programs(&self, wanted: &Wanted) -> Vec<Utf8PathBuf> {
        let more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        let anywhere = |name: &str| programs::all(name, self.env, &more);
        let mut found = match wanted {
            Wanted::Any => programs::all("python3", self.env, &[]),
            Wanted::Version { .. } | Wanted::Newest(_) => Vec::new(),
        };
        let minors = (OLDEST_MINOR..=NEWEST_MINOR).rev().filter(|minor| match wanted {
            Wanted::Any => true,
            Wanted::Version { minor: wanted, .. } => minor == wanted,
            Wanted::Newest(specifiers) => specifiers.allow_some(3, *minor),
        });
        found.extend(minors.flat_map(|minor| anywhere(&format!("python3.{minor}"))));
        found.extend(["python3", "python"].into_iter().flat_map(anywhere));
        found
    }

    fn not_found(&self, wanted: &Wanted) -> InterpreterError {
        let there = self.there();
        let usable = there.iter().any(|(version, _)| Wanted::Any.matches(version));
        match there.last() {
            Some((version, executable)) if !usable => InterpreterError::TooOld {
                version: version.clone(),
                executable: executable.clone(),
            },
            _ => InterpreterError::NotFound {
                wanted: wanted.clone(),
                looked_in: self.directories(),
                there: list(&there),
            },
        }
    }

    /// The Pythons that are found in a few seconds, the oldest first: for messages, which a person
    /// waits for.
    pub(super) fn there(&self) -> Vec<(Version, Utf8PathBuf)> {
        let started = Instant::now();
        let in_time = self.candidates(&Wanted::Any).take_while(|_| started.elapsed() < LIST_LIMIT);
        let mut there: Vec<_> = in_time.map(|i| (i.version, i.executable)).collect();
        there.sort();
        there
    }

    fn directories(&self) -> String {
        let path = self.env.get("PATH").unwrap_or_default().to_string_lossy();
        let mut seen = HashSet::new();
        path.split(':')
            .chain(self.more.iter().map(String::as_str))
            .filter(|directory| !directory.is_empty() && seen.insert(*directory))
            .collect::<Vec<_>>()
            .join(":")
    }
}

/// Where the links of a program's name lead to, so that nobody is asked twice by two names; but what
/// goes by the name that it is called by, as some shims do, keeps it.
fn real(program: &Utf8Path) -> Utf8PathBuf {
    let real = program.canonicalize_utf8().unwrap_or_else(|_| program.to_owned());
    let is_python = real.file_name().is_some_and(|name| name.starts_with("python"));
    if is_python { real } else { program.to_owned() }
}

/// The Pythons that could be used, the oldest first. It takes a moment to find out.
pub(crate) fn there(env: &GearEnv) -> Vec<(Version, Utf8PathBuf)> {
    let there = Search::of_gear(env).there().into_iter();
    there.filter(|(version, _)| Wanted::Any.matches(version)).collect()
}

/// The folders of version managers (pyenv, asdf, mise): the one that PYENV_ROOT names, the one in
/// the home directory, and those whose `shims` are on the PATH.
fn version_managers(env: &GearEnv) -> Vec<Utf8PathBuf> {
    let named = env.text("PYENV_ROOT").ok().flatten().map(Utf8PathBuf::from);
    let home = env.text("HOME").ok().flatten();
    let path = env.text("PATH").ok().flatten().unwrap_or_default();
    let shims = path
        .split(':')
        .filter_map(|d| d.trim_end_matches('/').strip_suffix("/shims"))
        .map(Utf8PathBuf::from);
    let mut folders: Vec<_> = named
        .into_iter()
        .chain(home.map(|h| Utf8Path::new(h).join(".pyenv")))
        .chain(shims)
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// `folder/*/inner`, those of the newest version first, as far as they exist.
fn below(folder: Utf8PathBuf, inner: &str) -> Vec<String> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries.flatten().filter(|e| e.path().join(inner).is_dir()).collect();
    let age = |name: &str| (comparable(name), name.to_owned());
    found.sort_by_key(|entry| std::cmp::Reverse(age(entry.file_name())));
    found.iter().map(|entry| entry.path().join(inner).into_string()).collect()
}

pub(super) fn list(there: &[(Version, Utf8PathBuf)]) -> String {
    there
        .iter()
        .map(|(version, executable)| format!("{version} ({executable})"))
        .collect::<Vec<_>>()
        .join(", ")
}
