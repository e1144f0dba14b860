//! Installing packages into an environment: by uv where there is one that will do, else by pip,
//! with the same result.

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod failure;
pub(crate) mod pip;
mod pip_settings;
mod text;
mod unsatisfied;
pub(crate) mod uv;

use std::cell::OnceCell;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, tree};

use self::cache::Cache;
use self::failure::Failure;
use self::pip::Pip;
use self::uv::Uv;
use self::uv::program::Program;
use crate::environment::virtualenv::VirtualEnv;
use crate::environment::virtualenv::stage::{self, Stage};
use crate::packages::requirements::Requirements;
use crate::variables::mirror::MirrorUrl;

/// Asks whether a package index answers at all. Certificates are not checked: nothing is taken
/// from this answer, and who installs checks for itself. Any answer but a failure of the server
/// counts.
const MIRROR_QUESTION: &str = r"
import ssl, sys, urllib.error, urllib.request
try:
    context = ssl._create_unverified_context()
    urllib.request.urlopen(sys.argv[1], timeout=5, context=context).close()
except urllib.error.HTTPError as error:
    sys.exit(error.code >= 500)
";
const MIRROR_LIMIT: Duration = Duration::from_secs(20);

/// What shall install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// uv where there is one that will do, and pip for what it does not do.
    #[default]
    UvElsePip,
    /// The same; but somebody asked for uv, and hears when there is none.
    Uv,
    /// pip.
    Pip,
}

impl Choice {
    /// `uv` or `pip`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "uv" => Some(Self::Uv),
            "pip" => Some(Self::Pip),
            _ => None,
        }
    }
}

/// What a program that installs packages prints, by how lines begin.
#[derive(Debug)]
struct Words {
    /// Those that tell nobody anything.
    noise: &'static [&'static str],
    /// Those that may be the first about a failure.
    errors: &'static [&'static str],
}

impl Words {
    /// Runs `commands`, each when the one before it failed, to install `what`. Each line that the last
    /// one prints goes to `progress`, up to the first about a failure: that one comes with the error.
    /// `failure` is to tell why from all that was printed.
    fn install(
        &self,
        what: &str,
        mut commands: Vec<CommandSpec>,
        failure: impl Fn(&[String]) -> Failure,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), InstallError> {
        let Some(last) = commands.pop() else { return Ok(()) };
        if commands.iter().any(|command| run::watched(command, |_| ()).is_ok()) {
            return Ok(());
        }
        let mut printed: Vec<String> = Vec::new();
        let mut shown = 0;
        let outcome = run::watched(&last, |line| {
            printed.push(line.to_owned());
            if !printed[shown..].iter().any(|line| self.begin_an_error(line)) {
                self.show(&printed[shown..], progress);
                shown = printed.len();
            }
        });
        let last = match outcome {
            Err(RunError::Failed { .. }) => self.last_lines_from(&printed).max(shown),
            _ => printed.len(),
        };
        self.show(&printed[shown..last], progress);
        outcome.map_err(|source| match source {
            RunError::Failed { .. } => InstallError::Failed {
                what: what.to_owned(),
                failure: failure(&printed),
                last_lines: self.worth_showing(&printed[last..]).cloned().collect(),
            },
            source => InstallError::NotStarted(source),
        })
    }

    fn begin_an_error(&self, line: &str) -> bool {
        self.errors.iter().any(|begin| line.trim_start().starts_with(begin))
    }

    fn are_worth_showing(&self, line: &str) -> bool {
        let line = line.trim_start();
        !line.is_empty() && !self.noise.iter().any(|begin| line.starts_with(begin))
    }

    fn worth_showing<'a>(&self, lines: &'a [String]) -> impl Iterator<Item = &'a String> {
        lines.iter().filter(|line| self.are_worth_showing(line))
    }

    fn show(&self, lines: &[String], progress: &mut dyn FnMut(&str)) {
        self.worth_showing(lines).for_each(|line| progress(line));
    }

    /// Where the last lines begin that an error carries: with the first word of error, if that is near
    /// enough to the end.
    fn last_lines_from(&self, printed: &[String]) -> usize {
        let worth = (0..printed.len()).rev().filter(|n| self.are_worth_showing(&printed[*n]));
        let tail = worth.take(RunError::LINES).last().unwrap_or(printed.len());
        let first = printed.iter().position(|line| self.begin_an_error(line));
        first.map_or(tail, |first| first.max(tail))
    }
}

/// What is the same for every installer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// The gear's environment.
    pub env: &'a GearEnv,
    /// Working directory: the app's repository, which relative paths start from.
    pub repo: &'a Utf8Path,
    /// Where caches may be kept.
    pub cache: &'a Utf8Path,
    /// The package index to prefer.
    pub mirror: Option<&'a MirrorUrl>,
    /// The uv that does the work where it can.
    pub uv: Option<&'a Program>,
}

/// What installs into one stage: uv, and pip for what uv does not do as pip does.
#[derive(Debug)]
pub(crate) struct Installation<'a> {
    stage: &'a Stage,
    options: Options<'a>,
    cache: Cache,
    /// Made ready when it is first needed.
    programs: OnceCell<(Pip, Option<Uv>)>,
}

impl<'a> Installation<'a> {
    /// Nothing is run or asked until something is to be installed.
    pub(crate) fn new(stage: &'a Stage, options: Options<'a>) -> Self {
        Self { stage, options, cache: Cache::below(options.cache), programs: OnceCell::new() }
    }

    /// The environment that it installs into.
    pub(crate) fn venv(&self) -> &VirtualEnv {
        self.stage.venv()
    }

    /// Asks the mirror. Why uv does not do the work, where it is there, is told to `progress`.
    fn programs(&self, progress: &mut dyn FnMut(&str)) -> &(Pip, Option<Uv>) {
        let Self { stage, options, cache, programs } = self;
        programs.get_or_init(|| {
            let mut env = stage::environment(stage, options.env);
            if let Some(mirror) = options.mirror {
                prefer(mirror, stage, &mut env, progress);
            }
            let uv = options.uv.and_then(|program| {
                let uv = Uv::new(program, stage, &env, cache, *options);
                uv.map_err(|reason| progress(&instead(&reason))).ok()
            });
            (Pip::new(stage, &env, cache, *options), uv)
        })
    }

    /// Installs what `args`, which are pip's words, say.
    ///
    /// # Errors
    /// [`InstallError`]: `what` is named in it, `requirements` help to find the line at fault.
    pub(crate) fn install(
        &self,
        what: &str,
        args: &[&str],
        requirements: Option<&Requirements>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), InstallError> {
        let (pip, uv) = self.programs(progress);
        if let Some(uv) = uv {
            match requirements.and_then(Requirements::only_for_pip) {
                Some(reason) => progress(&instead(&reason)),
                None => match uv.install(what, args, requirements, progress) {
                    Err(InstallError::Failed {
                        failure: Failure::Malformed { .. } | Failure::Other,
                        last_lines,
                        ..
                    }) => {
                        last_lines.iter().for_each(|line| progress(line));
                        progress(&instead("uv could not"));
                    }
                    Err(InstallError::Failed { what, failure, last_lines }) => {
                        let failure = pip.with_offers(failure);
                        return Err(InstallError::Failed { what, failure, last_lines });
                    }
                    other => return other,
                },
            }
        }
        pip.renew(self.stage, progress)?;
        pip.install(what, args, requirements, progress)
    }

    /// To be called when everything is installed: forgets what is compiled of replaced modules, and
    /// keeps the caches from growing without end.
    ///
    /// uv leaves the bytecode of a module that stands in no package; Python takes it for that of the
    /// next version when both have the same size and were written in the same second.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be removed.
    pub(crate) fn finish(&self) -> Result<(), FileError> {
        let Some((_, uv)) = self.programs.get() else { return Ok(()) };
        if let Some(site) = self.venv().site_packages() {
            tree::remove(&site.join("__pycache__"))?;
        }
        self.cache.prune(uv.as_ref().map(Uv::program));
        Ok(())
    }
}

fn instead(reason: &str) -> String {
    format!("pip installs instead of uv: {reason}")
}

/// Lets installers use the mirror if that answers.
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
    for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        env.remove(name);
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

/// Packages that could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The installer could not be started.
    #[error(transparent)]
    NotStarted(RunError),
    /// It said no.
    #[error("{what} could not be installed: {failure}{}", shown(.last_lines))]
    Failed {
        /// What was to be installed.
        what: String,
        /// Why not, and the remedy, as far as the installer's words tell.
        failure: Failure,
        /// Its last lines.
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
    // Relative, so that messages name the file as its author does.
    file.strip_prefix(repo).unwrap_or(file).to_string()
}

#[cfg(test)]
mod tests;
