//! uv, as it is called: with pip's words, and in a way that leads to pip's result.
//!
//! Facts read off uv 0.8.24 to 0.13.9, which were tried: it replaces files of an environment as a
//! whole, never writes into one, so a stage may share them with the environment in use.

mod words;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, programs, run};
use semver::Version;

use super::failure::Failure;
use super::pip_settings::{self, Translated};
use super::{Cache, Installer, Options};
use crate::package::comparable;
use crate::requirements::Requirements;
use crate::virtualenv::stage::Stage;

/// Older ones install as well, but empty their cache while others use it.
const OLDEST: Version = Version::new(0, 8, 24);

const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Variables of uv that would install something else, or elsewhere, than we ask for. All others are
/// the app's business, as for pip.
const NOT_HONOURED: &[&str] = &[
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_COMPILE_BYTECODE",
    "UV_CONFIG_FILE",
    "UV_LINK_MODE",
    "UV_MANAGED_PYTHON",
    "UV_NO_EDITABLE",
    "UV_NO_MANAGED_PYTHON",
    "UV_OFFLINE",
    "UV_PREVIEW",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_PREFERENCE",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
];

/// What is the same in every call. With a configuration file of uv's, it would install what pip does
/// not; and its hard links from the cache would let an app write into that.
const FIXED: &[(&str, &str)] =
    &[("UV_LINK_MODE", "copy"), ("UV_NO_CONFIG", "1"), ("UV_PYTHON_DOWNLOADS", "never")];

/// Where a machine keeps the certificates that it trusts.
const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A uv that will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path.
    pub path: Utf8PathBuf,
    /// Its version.
    pub version: Version,
}

impl Program {
    /// The first uv that will do: `own`, which the cartridge brings, then those on the gear's PATH.
    /// Those that are passed over are told to `progress`.
    #[must_use]
    pub fn find(own: &Utf8Path, env: &GearEnv, progress: &mut dyn FnMut(&str)) -> Option<Self> {
        let own = own.is_file().then(|| own.to_owned());
        own.into_iter().chain(programs::all("uv", env, &[])).find_map(|path| {
            let said = Self::version_of(&path, env);
            match said {
                Ok(version) if version >= OLDEST => Some(Self { path, version }),
                Ok(version) => {
                    progress(&format!(
                        "{path} is passed over: it is uv {version}, and {OLDEST} or newer is needed"
                    ));
                    None
                }
                Err(reason) => {
                    progress(&format!("{path} is passed over: {reason}"));
                    None
                }
            }
        })
    }

    /// Installs files, which are to be appended, into the environment of `python`, from nowhere
    /// else. They are those that come with a Python, hundreds of small ones: here a file may be the
    /// one of the cache by another name.
    #[must_use]
    pub fn installing_into(&self, python: &Utf8Path, env: &GearEnv, cache: &Cache) -> CommandSpec {
        let env = fixed(env.clone()).with("UV_LINK_MODE", "hardlink");
        CommandSpec::new(&self.path, &env)
            .args(["--color", "never", "--no-progress"])
            .args(cache.options_of_uv(&env))
            .args(["pip", "install", "--no-index", "--no-deps", "--python", python.as_str()])
    }

    fn version_of(path: &Utf8Path, env: &GearEnv) -> Result<Version, String> {
        let command = CommandSpec::new(path, env).arg("--version");
        let output = run::checked(&command, VERSION_LIMIT).map_err(|error| error.to_string())?;
        let said = output.stdout_text();
        let version = said.strip_prefix("uv ").and_then(|rest| rest.split(' ').next());
        version
            .map(comparable)
            .ok_or_else(|| format!("it says {said:?} when asked for its version"))
    }
}

/// uv in one stage.
#[derive(Debug)]
pub struct Uv {
    /// Without a word of what is to be done.
    program: CommandSpec,
    options: Vec<String>,
}

impl Uv {
    /// uv as it is called in `stage`, with the variables in `env`.
    ///
    /// # Errors
    /// The setting of pip's that it cannot be told, in words.
    pub(super) fn new(
        program: &Program,
        stage: &Stage,
        env: &GearEnv,
        cache: &Cache,
        options: Options<'_>,
    ) -> Result<Self, String> {
        let Translated { args, variables } = pip_settings::translated(env, stage.venv().dir())?;
        let mut env = fixed(env.clone());
        // Of several indexes pip takes the best version, uv by itself the first index that knows the
        // package at all. Who prefers that, for fear of strangers' packages, sets the variable.
        let fallbacks = [("UV_INDEX_STRATEGY", "unsafe-best-match".to_owned())];
        for (name, value) in variables.into_iter().chain(fallbacks).chain(certificates(&env)) {
            if env.get(name).is_none() {
                env.set(name, value);
            }
        }
        let program = CommandSpec::new(&program.path, &env).dir(options.repo);
        let mut words = vec!["--color".to_owned(), "never".to_owned(), "--no-progress".to_owned()];
        words.extend(cache.options_of_uv(options.env));
        let python = stage.venv().python();
        words.extend(["pip", "install", "--python", python.as_str()].map(str::to_owned));
        words.extend(args);
        Ok(Self { program, options: words })
    }

    /// The program alone.
    pub(super) fn program(&self) -> &CommandSpec {
        &self.program
    }
}

/// With nothing that would let uv install something else, or elsewhere.
fn fixed(mut env: GearEnv) -> GearEnv {
    NOT_HONOURED.iter().for_each(|name| env.remove(name));
    FIXED.iter().for_each(|(name, value)| env.set(*name, *value));
    env
}

/// Those of the machine count, as for everything else on it, where it has any.
fn certificates(env: &GearEnv) -> Vec<(&'static str, String)> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env.get(name).is_some());
    if named || !CERTIFICATES.iter().any(|path| Utf8Path::new(path).is_file()) {
        return Vec::new();
    }
    // The older and the newer name.
    ["UV_NATIVE_TLS", "UV_SYSTEM_CERTS"].map(|name| (name, "1".to_owned())).to_vec()
}

impl Installer for Uv {
    fn name(&self) -> &'static str {
        "uv"
    }

    /// uv has no word for pip's `--prefer-binary`: it is asked for what is compiled, and then for
    /// anything.
    fn commands(&self, args: &[&str]) -> Vec<CommandSpec> {
        let prefer_binary = args.contains(&"--prefer-binary");
        let args = args.iter().copied().filter(|arg| *arg != "--prefer-binary");
        let anything = self.program.clone().args(&self.options).args(args);
        let compiled = anything.clone().args(["--only-binary", ":all:"]);
        if prefer_binary { vec![compiled, anything] } else { vec![anything] }
    }

    fn failure(&self, printed: &[String], requirements: Option<&Requirements>) -> Failure {
        words::failure(printed, requirements)
    }

    fn is_noise(&self, line: &str) -> bool {
        let line = line.trim_start();
        let noise = ["Using Python ", "Audited ", "Checked ", "Downloaded "];
        noise.iter().any(|start| line.starts_with(start))
    }

    fn begins_an_error(&self, line: &str) -> bool {
        let line = line.trim_start();
        line.starts_with("error: ") || line.starts_with("× ")
    }
}

#[cfg(test)]
mod tests;
