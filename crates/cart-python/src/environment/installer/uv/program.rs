//! The program uv: which one is taken, and what holds in every call of it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, programs, run};
use semver::Version;

use crate::environment::installer::cache::Cache;
use crate::packages::spelling::comparable;

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
            let reason = match Self::version_of(&path, env) {
                Ok(version) if version >= OLDEST => return Some(Self { path, version }),
                Ok(version) => format!("it is uv {version}, and {OLDEST} or newer is needed"),
                Err(reason) => reason,
            };
            progress(&format!("{path} is passed over: {reason}"));
            None
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

/// With nothing that would let uv install something else, or elsewhere.
pub(super) fn fixed(mut env: GearEnv) -> GearEnv {
    NOT_HONOURED.iter().for_each(|name| env.remove(name));
    FIXED.iter().for_each(|(name, value)| env.set(*name, *value));
    env
}

#[cfg(test)]
mod tests {
    use cart_core::files;

    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        (dir, path)
    }

    fn offer(directory: &Utf8Path, script: &str) -> Utf8PathBuf {
        std::fs::create_dir_all(directory).unwrap();
        let path = directory.join("uv");
        files::write_atomic(&path, format!("#!/bin/sh\n{script}\n").as_bytes(), 0o755).unwrap();
        path
    }

    #[test]
    fn the_cartridges_own_comes_first_and_one_that_is_too_old_is_passed_over_with_a_line() {
        let (_keep, place) = place();
        let own = place.join("own/uv");
        let old = offer(&place.join("old"), "echo uv 0.4.30");
        let broken = offer(&place.join("broken"), "echo no >&2; exit 3");
        let new = offer(&place.join("new"), "echo 'uv 0.13.9 (x86_64-unknown-linux-gnu)'");
        let env = GearEnv::new().with("PATH", format!("{place}/old:{place}/broken:{place}/new"));
        let find = || {
            let mut told = Vec::new();
            let found = Program::find(&own, &env, &mut |line| told.push(line.to_owned()));
            (found.map(|uv| uv.path), told)
        };
        let (found, told) = find();
        assert_eq!(found.unwrap(), new);
        assert_eq!(
            told[0],
            format!("{old} is passed over: it is uv 0.4.30, and {OLDEST} or newer is needed")
        );
        assert!(told[1].starts_with(&format!("{broken} is passed over: ")), "{told:?}");
        offer(own.parent().unwrap(), "echo uv 1.0.0");
        assert_eq!(find(), (Some(own), vec![]));
    }
}
