//! uv, as it is called: with pip's words, and in a way that leads to pip's result.
//!
//! Facts read off uv 0.8.24 to 0.13.9, which were tried: it replaces files of an environment as a
//! whole, never writes into one, so a stage may share them with the environment in use.

pub(crate) mod program;
mod words;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv};

use self::program::{Program, fixed};
use super::pip_settings::{self, Translated};
use super::{Cache, InstallError, Options, Words};
use crate::environment::virtualenv::stage::Stage;
use crate::packages::requirements::Requirements;

/// Where a machine keeps the certificates that it trusts.
const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const WORDS: Words = Words {
    noise: &["Using Python ", "Audited ", "Checked ", "Downloaded "],
    errors: &["error: ", "× "],
};

/// uv in one stage.
#[derive(Debug)]
pub(crate) struct Uv {
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

    /// Installs what `args`, which are pip's words, say. uv has none for `--prefer-binary`: it is asked for
    /// what is compiled, and then for anything.
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
        let prefer_binary = args.contains(&"--prefer-binary");
        let args = args.iter().copied().filter(|arg| *arg != "--prefer-binary");
        let anything = self.program.clone().args(&self.options).args(args);
        let compiled = anything.clone().args(["--only-binary", ":all:"]);
        let commands = if prefer_binary { vec![compiled, anything] } else { vec![anything] };
        WORDS.install(what, commands, |printed| words::failure(printed, requirements), progress)
    }

    /// The program alone.
    pub(super) fn program(&self) -> &CommandSpec {
        &self.program
    }
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
