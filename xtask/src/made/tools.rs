//! The compiler that links for an old glibc: zig, from PyPI, in a place of its own.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, tree};

use crate::machine::needs;
use crate::say::say;
use crate::workspace::Workspace;

/// Exact versions, so that every release is linked by the same. zig knows the symbols of every
/// glibc; cargo-zigbuild makes it the linker of cargo.
const PACKAGES: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

/// zig and cargo-zigbuild, ready to run.
#[derive(Debug)]
pub(crate) struct Zig {
    /// The Python that has them.
    python: Utf8PathBuf,
    /// `cargo zigbuild`.
    cargo_zigbuild: Utf8PathBuf,
    /// Where they keep what they made before.
    cache: Utf8PathBuf,
}

impl Zig {
    /// Makes sure of both in `target/tools/zig/`.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self, ToolsError> {
        let tools = workspace.target.join("tools");
        let place = tools.join("zig");
        let bin = place.join("bin");
        let zig = Self {
            python: bin.join("python"),
            cargo_zigbuild: bin.join("cargo-zigbuild"),
            cache: tools.join("cache"),
        };
        let stamp = Stamp::new(&place, PACKAGES.join(" "));
        if !stamp.holds()? {
            say(&format!("downloading {} from PyPI, 100 MB, once", PACKAGES.join(" and ")));
            tree::remove(&place)?;
            zig.install(workspace, &place)?;
            stamp.set()?;
        }
        Ok(zig)
    }

    /// What identifies the compiler.
    pub(crate) fn identity() -> String {
        PACKAGES.join(" ")
    }

    /// `cargo build` with these words, and with zig as the linker.
    pub(crate) fn cargo_build(&self, workspace: &Workspace, words: &[&str]) -> CommandSpec {
        let mut command = workspace.cargo(&[&["zigbuild"], words].concat());
        let cargo = std::mem::replace(&mut command.program, self.cargo_zigbuild.clone());
        command = command
            .env("CARGO", cargo.as_str())
            .env("CARGO_ZIGBUILD_PYTHON_PATH", self.python.as_str())
            .env("CARGO_ZIGBUILD_CACHE_DIR", self.cache.join("zigbuild").as_str());
        self.with_cache(command)
    }

    /// A shell script that is `zig cc` for the old glibc, with the arguments it is given.
    pub(crate) fn compiler(&self, target: &str) -> String {
        format!("#!/bin/sh\nexec {} -m ziglang cc -target {target} \"$@\"\n", quoted(&self.python))
    }

    /// The archiver, as make's `AR` wants it.
    pub(crate) fn archiver(&self) -> String {
        format!("{} -m ziglang ar", quoted(&self.python))
    }

    /// Keeps zig's own cache out of the person's home.
    pub(crate) fn with_cache(&self, command: CommandSpec) -> CommandSpec {
        let cache = self.cache.join("zig");
        command
            .env("ZIG_GLOBAL_CACHE_DIR", cache.as_str())
            .env("ZIG_LOCAL_CACHE_DIR", cache.as_str())
    }

    fn install(&self, workspace: &Workspace, place: &Utf8Path) -> Result<(), ToolsError> {
        let system = needs::python(&workspace.env).ok_or(ToolsError::NoPython)?;
        let run = |program: &Utf8Path, words: &[&str]| {
            run::foreground(&CommandSpec::new(program, &workspace.env).args(words.iter().copied()))
        };
        run(&system, &["-m", "venv", place.as_str()])?;
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
        let exact = ["--no-deps", "--only-binary", ":all:"];
        Ok(run(&self.python, &[&pip[..], &exact, &PACKAGES].concat())?)
    }
}

/// Says in a directory what it was made from, once it is complete.
#[derive(Debug)]
pub(crate) struct Stamp {
    path: Utf8PathBuf,
    made_from: String,
}

impl Stamp {
    /// The stamp of a directory.
    pub(crate) fn new(directory: &Utf8Path, made_from: String) -> Self {
        Self { path: directory.join(".made-from"), made_from }
    }

    /// Whether the directory is complete and was made from the same.
    pub(crate) fn holds(&self) -> Result<bool, FileError> {
        let found = files::read_if_exists(&self.path)?;
        Ok(found.is_some_and(|found| found == self.made_from.as_bytes()))
    }

    /// To be called when it is complete.
    pub(crate) fn set(&self) -> Result<(), FileError> {
        files::write_atomic(&self.path, self.made_from.as_bytes(), 0o644)
    }
}

/// A path for a shell, whatever is in it.
fn quoted(path: &Utf8Path) -> String {
    format!("'{}'", path.as_str().replace('\'', r"'\''"))
}

/// The environment without what would lead zig and make astray.
pub(crate) fn plain(env: &GearEnv) -> GearEnv {
    const ASTRAY: [&str; 7] =
        ["CC", "AR", "CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "CARGO_BUILD_TARGET"];
    env.iter()
        .filter(|(name, _)| !ASTRAY.iter().any(|astray| name == astray))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A linker that could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolsError {
    #[error("there is no Python 3 with venv and ensurepip to install zig with")]
    NoPython,
    #[error(
        "zig could not be installed from PyPI: {0}\nA release needs it; `cargo xtask dist --debug` does not"
    )]
    Install(#[from] RunError),
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_made_directory_and_one_made_from_something_else_do_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let stamp = Stamp::new(dir, "zig 1".to_owned());
        assert!(!stamp.holds().unwrap());
        stamp.set().unwrap();
        assert!(stamp.holds().unwrap());
        assert!(!Stamp::new(dir, "zig 2".to_owned()).holds().unwrap());
    }

    #[test]
    fn a_shell_takes_the_path_as_one_word() {
        assert_eq!(quoted("/it's here/python".into()), r"'/it'\''s here/python'");
    }
}
