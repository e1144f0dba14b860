//! pip, as it is called: inside an environment, by that environment's Python, with nothing that
//! an app's own variables could turn against the cartridge.

pub mod build;
pub mod failure;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, files};
use semver::Version;

use crate::mirror::MirrorUrl;
use crate::requirements::Requirements;
use crate::virtualenv::comparable;
use crate::virtualenv::stage::{self, Stage};
use build::Wheels;
use failure::Failure;

/// Variables of pip that would install something else, or elsewhere, than we ask for. All others
/// are the app's business: indexes, certificates, proxies, constraints, verbosity.
const NOT_HONOURED: &[&str] = &[
    "PIP_DRY_RUN",
    "PIP_EDITABLE",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REPORT",
    "PIP_REQUIREMENT",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
];

/// Asks whether a package index answers at all. Certificates are not checked: nothing is taken
/// from this answer, and pip checks for itself. Any answer but a failure of the server counts.
const MIRROR_QUESTION: &str = r"
import ssl, sys, urllib.error, urllib.request
try:
    context = ssl._create_unverified_context()
    urllib.request.urlopen(sys.argv[1], timeout=5, context=context).close()
except urllib.error.HTTPError as error:
    sys.exit(error.code >= 500)
";
const MIRROR_LIMIT: Duration = Duration::from_secs(20);

/// How long the package index is asked for what would not have to be compiled.
const WHEELS_LIMIT: Duration = Duration::from_secs(30);

/// The first pip that takes wheels for today's systems and links projects without `setup.py`.
const OLDEST: Version = Version::new(21, 3, 0);

/// What pip is called with everywhere.
#[derive(Clone, Copy, Debug)]
pub struct PipOptions<'a> {
    /// The gear's environment.
    pub env: &'a GearEnv,
    /// Working directory: the app's repository, which relative paths start from.
    pub repo: &'a Utf8Path,
    /// Where a cache may be kept. On a gear the home directory is not writable.
    pub tmp: &'a Utf8Path,
    /// The package index to prefer.
    pub mirror: Option<&'a MirrorUrl>,
}

/// pip in one stage.
#[derive(Debug)]
pub struct Pip {
    command: CommandSpec,
    /// Such as `3.13`.
    python: Option<String>,
}

impl Pip {
    /// Makes ready: asks the mirror, and brings a pip that is too old up to date.
    ///
    /// # Errors
    /// [`PipError`] when pip could not be updated.
    pub fn new(
        stage: &Stage,
        options: PipOptions<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, PipError> {
        let mut env = stage::environment(stage, options.env);
        NOT_HONOURED.iter().for_each(|name| env.remove(name));
        if let Some(mirror) = options.mirror {
            prefer(mirror, stage, &mut env, progress);
        }
        let command = CommandSpec::new(stage.venv().python(), &env)
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(cache_options(options.env, options.tmp))
            .arg("install")
            .dir(options.repo);
        let site = stage.venv().site_packages();
        let folder = site.as_deref().and_then(|site| site.parent()?.file_name());
        let python = folder.and_then(|name| name.strip_prefix("python")).map(str::to_owned);
        let pip = Self { command, python };
        if stage.venv().installed("pip").is_some_and(|v| comparable(&v) < OLDEST) {
            let version = format!("pip>={OLDEST}");
            pip.install("a newer pip", &["--upgrade", &version], None, progress)?;
        }
        Ok(pip)
    }

    /// Installs what `args` say. Each line that pip prints goes to `progress`, but for what it
    /// did not have to do.
    ///
    /// # Errors
    /// [`PipError`]: `what` is named in it, `requirements` help to find the line at fault.
    pub fn install(
        &self,
        what: &str,
        args: &[&str],
        requirements: Option<&Requirements>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), PipError> {
        let command = self.command.clone().args(args.iter().copied());
        let mut printed = Vec::new();
        let mut shown = 0;
        let outcome = run::watched(&command, |line| {
            printed.push(line.to_owned());
            // What an error says first comes with the error.
            if !printed[shown..].iter().any(|line| begins_an_error(line)) {
                show(&printed[shown..], progress);
                shown = printed.len();
            }
        });
        let failed = matches!(outcome, Err(RunError::Failed { .. }));
        let last = if failed { last_lines_from(&printed).max(shown) } else { printed.len() };
        show(&printed[shown..last], progress);
        outcome.map_err(|source| match source {
            RunError::Failed { .. } => PipError::Failed {
                what: what.to_owned(),
                failure: self.with_wheels(Failure::of(&printed, requirements)),
                last_lines: worth_showing(&printed[last..]).cloned().collect(),
            },
            source => PipError::NotStarted(source),
        })
    }

    /// For a package that could not be built: with what the index has compiled of it.
    fn with_wheels(&self, failure: Failure) -> Failure {
        let Failure::Unbuilt(mut unbuilt) = failure else { return failure };
        unbuilt.python.clone_from(&self.python);
        if let Some(name) = &unbuilt.name {
            let question = self.command.clone().args([
                "-vv",
                "--dry-run",
                "--no-deps",
                "--ignore-installed",
                "--only-binary=:all:",
                name,
            ]);
            // It may well end with an error: when there is no wheel for this Python.
            if let Ok(output) = run::output(&question, WHEELS_LIMIT) {
                unbuilt.wheels =
                    Wheels::of(&output.stdout_text(), name, unbuilt.version.as_deref());
            }
        }
        Failure::Unbuilt(unbuilt)
    }
}

/// Lets pip use the mirror if that answers.
fn prefer(mirror: &MirrorUrl, stage: &Stage, env: &mut GearEnv, progress: &mut dyn FnMut(&str)) {
    let question = CommandSpec::new(stage.venv().python(), env).args([
        "-c",
        MIRROR_QUESTION,
        &mirror.to_string(),
    ]);
    if run::checked(&question, MIRROR_LIMIT).is_err() {
        progress(&format!(
            "The package index {mirror} does not answer; the default index is used instead"
        ));
        return;
    }
    env.set("PIP_INDEX_URL", mirror.with_credentials());
    if !mirror.is_https() {
        // Else pip would pass over an index that somebody named on purpose.
        let mut trusted = env.get("PIP_TRUSTED_HOST").unwrap_or_default().to_owned();
        trusted.push(" ");
        trusted.push(mirror.host_and_port());
        env.set("PIP_TRUSTED_HOST", trusted);
    }
}

/// A cache keeps wheels that took minutes to compile. It is kept where `tidy` empties, and not
/// in the data directory, whose content travels with every snapshot. Elsewhere than on a node
/// that place is everybody's: a directory that is not ours alone is not used.
fn cache_options(env: &GearEnv, tmp: &Utf8Path) -> Vec<String> {
    if ["PIP_CACHE_DIR", "PIP_NO_CACHE_DIR"].iter().any(|name| env.get(name).is_some()) {
        return Vec::new();
    }
    let user = rustix::process::geteuid().as_raw();
    let cache = tmp.join(format!("pip-cache-{user}"));
    if is_own_directory(&cache, user) {
        vec!["--cache-dir".to_owned(), cache.into_string()]
    } else {
        vec!["--no-cache-dir".to_owned()]
    }
}

fn is_own_directory(path: &Utf8Path, user: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    if path.symlink_metadata().is_err() && files::create_dir(path, 0o700).is_err() {
        return false;
    }
    path.symlink_metadata().is_ok_and(|m| m.is_dir() && m.uid() == user && m.mode() & 0o022 == 0)
}

fn is_worth_showing(line: &str) -> bool {
    let line = line.trim_start();
    let noise = ["Requirement already satisfied", "[notice]", "Looking in ", "Ignoring "];
    !line.is_empty() && !noise.iter().any(|start| line.starts_with(start))
}

fn worth_showing(lines: &[String]) -> impl Iterator<Item = &String> {
    lines.iter().filter(|line| is_worth_showing(line))
}

fn show(lines: &[String], progress: &mut dyn FnMut(&str)) {
    worth_showing(lines).for_each(|line| progress(line));
}

fn begins_an_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("ERROR") || line.starts_with("error: ")
}

/// Where the last lines begin that an error carries: with the first word of error, if that is near
/// enough to the end.
fn last_lines_from(printed: &[String]) -> usize {
    let worth = printed.iter().enumerate().filter(|(_, line)| is_worth_showing(line));
    let numbers: Vec<usize> = worth.map(|(number, _)| number).collect();
    let tail = numbers.len().saturating_sub(RunError::LINES);
    let tail = numbers.get(tail).copied().unwrap_or(printed.len());
    let first = printed.iter().position(|line| begins_an_error(line));
    first.map_or(tail, |first| first.max(tail))
}

/// Packages that could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// pip could not be started.
    #[error(transparent)]
    NotStarted(RunError),
    /// pip said no.
    #[error("{what} could not be installed: {failure}{}", shown(.last_lines))]
    Failed {
        /// What was to be installed.
        what: String,
        /// Why not, and the remedy, as far as pip's words tell.
        failure: Failure,
        /// pip's last lines.
        last_lines: Vec<String>,
    },
}

fn shown(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}", lines.join("\n"))
}

/// The requirements file as an argument.
#[must_use]
pub(crate) fn file_argument(file: &Utf8PathBuf, repo: &Utf8Path) -> String {
    // Relative, so that messages of pip name the file as its author does.
    file.strip_prefix(repo).unwrap_or(file).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_is_not_ours_alone_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let tmp = Utf8Path::from_path(dir.path()).unwrap();
        let env = GearEnv::new();
        let user = rustix::process::geteuid().as_raw();
        let cache = tmp.join(format!("pip-cache-{user}"));
        assert_eq!(cache_options(&env, tmp), ["--cache-dir", cache.as_str()]);
        std::fs::remove_dir(&cache).unwrap();
        std::os::unix::fs::symlink("/", &cache).unwrap();
        assert_eq!(cache_options(&env, tmp), ["--no-cache-dir"]);
        let own = env.with("PIP_CACHE_DIR", "/elsewhere");
        assert!(cache_options(&own, tmp).is_empty());
    }

    #[test]
    fn pips_first_word_of_error_begins_what_is_shown() {
        let lines = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        assert_eq!(last_lines_from(&lines(&["Collecting x", "", "  ERROR: why", "  more"])), 2);
        assert_eq!(last_lines_from(&lines(&["Collecting x", "  error: why"])), 1);
        assert_eq!(last_lines_from(&vec!["a".to_owned(); 50]), 50 - RunError::LINES);
        assert_eq!(last_lines_from(&[]), 0);
    }
}
