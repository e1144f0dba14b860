//! pip, as it is called: inside an environment, by that environment's Python, with nothing that
//! an app's own variables could turn against the cartridge.

use std::time::Duration;

use cart_core::run;
use cart_core::{CommandSpec, GearEnv};
use semver::Version;

use super::build::Wheels;
use super::failure::{Failure, Unsatisfied};
use super::{Cache, InstallError, Options, Words};
use crate::environment::virtualenv::stage::Stage;
use crate::packages::requirements::Requirements;
use crate::packages::spelling::comparable;

/// Variables of pip that would install something else, or elsewhere, than we ask for. All others
/// are the app's business: indexes, certificates, proxies, constraints, verbosity.
pub(super) const NOT_HONOURED: &[&str] = &[
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

/// How long the package index is asked for what it offers instead.
const OFFERS_LIMIT: Duration = Duration::from_secs(30);

/// The first pip that takes wheels for today's systems and links projects without `setup.py`.
const OLDEST: Version = Version::new(21, 3, 0);

const WORDS: Words = Words {
    noise: &["Requirement already satisfied", "[notice]", "Looking in ", "Ignoring "],
    errors: &["ERROR", "error: "],
};

/// pip in one stage.
#[derive(Debug)]
pub(crate) struct Pip {
    command: CommandSpec,
    /// Such as `3.13`.
    python: Option<String>,
}

impl Pip {
    /// pip as it is called in `stage`, with the variables in `env`.
    #[must_use]
    pub(super) fn new(stage: &Stage, env: &GearEnv, cache: &Cache, options: Options<'_>) -> Self {
        let mut env = env.clone();
        NOT_HONOURED.iter().for_each(|name| env.remove(name));
        let command = CommandSpec::new(stage.venv().python(), &env)
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(cache.options_of_pip(options.env))
            // Most of what is installed is never imported, and what is, Python compiles then.
            .args(["install", "--no-compile"])
            .dir(options.repo);
        let site = stage.venv().site_packages();
        let folder = site.as_deref().and_then(|site| site.parent()?.file_name());
        let python = folder.and_then(|name| name.strip_prefix("python")).map(str::to_owned);
        Self { command, python }
    }

    /// Installs what `args` say.
    ///
    /// # Errors
    /// [`InstallError`]: `what` is named in it, `requirements` help to find the line at fault.
    pub(super) fn install(
        &self,
        what: &str,
        args: &[&str],
        requirements: Option<&Requirements>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), InstallError> {
        let command = self.command.clone().args(args.iter().copied());
        let failure = |printed: &[String]| self.with_offers(Failure::of(printed, requirements));
        WORDS.install(what, vec![command], failure, progress)
    }

    /// Brings a pip that is too old up to date.
    ///
    /// # Errors
    /// [`InstallError`] when it could not be.
    pub(super) fn renew(
        &self,
        stage: &Stage,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), InstallError> {
        if stage.venv().installed("pip").is_none_or(|version| comparable(&version) >= OLDEST) {
            return Ok(());
        }
        let version = format!("pip>={OLDEST}");
        self.install("a newer pip", &["--upgrade", &version], None, progress)
    }

    /// A failure, with what the index offers instead: what it has compiled of a package that could
    /// not be built, which versions it has of one that does not fit.
    pub(super) fn with_offers(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Unbuilt(mut unbuilt) => {
                unbuilt.python.clone_from(&self.python);
                if let Some(name) = &unbuilt.name {
                    let printed = self.asked(&["--only-binary=:all:", name]);
                    unbuilt.wheels = Wheels::of(&printed, name, unbuilt.version.as_deref());
                }
                Failure::Unbuilt(unbuilt)
            }
            Failure::NoSuchVersion(mut unsatisfied) => {
                unsatisfied.python.clone_from(&self.python);
                if unsatisfied.offered.is_empty() {
                    let printed = self.asked(&["--", &unsatisfied.requirement]);
                    let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
                    if let Some(said) = Unsatisfied::of(&lines) {
                        unsatisfied.offered = said.offered;
                        unsatisfied.needs = said.needs;
                    }
                }
                Failure::NoSuchVersion(unsatisfied)
            }
            other => other,
        }
    }

    /// What pip prints, with `-vv`, when it would install `args`. It may well end with an error.
    fn asked(&self, args: &[&str]) -> String {
        let question = self
            .command
            .clone()
            .args(["-vv", "--dry-run", "--no-deps", "--ignore-installed"])
            .args(args.iter().copied());
        let Ok(output) = run::output(&question, OFFERS_LIMIT) else { return String::new() };
        [output.stdout_text(), output.stderr_text()].join("\n")
    }
}
