//! Where this workspace is, and cargo as it is run in it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::programs::{self, ProgramError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv};

/// Variables that `cargo run` set for this program. Another cargo that saw them would think that
/// they changed since its last build.
const FROM_CARGO_RUN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// This workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its directory.
    pub(crate) root: Utf8PathBuf,
    /// Where the person stands.
    pub(crate) current: Utf8PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: Utf8PathBuf,
    /// The person's environment.
    pub(crate) env: GearEnv,
    cargo: Utf8PathBuf,
}

impl Workspace {
    /// The workspace that this program was built from.
    pub(crate) fn here(env: GearEnv) -> Result<Self, WorkspaceError> {
        let env = without_cargo_runs_own(&env);
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().unwrap_or(here).to_owned();
        let current = std::env::current_dir()
            .ok()
            .and_then(|dir| Utf8PathBuf::from_path_buf(dir).ok())
            .unwrap_or_else(|| root.clone());
        let cargo = match env.get("CARGO").and_then(|cargo| cargo.to_str()) {
            Some(cargo) => cargo.into(),
            None => programs::find("cargo", &env, &[])?,
        };
        let mut workspace = Self { root, current, target: Utf8PathBuf::new(), env, cargo };
        workspace.target = workspace.ask_for_target()?;
        Ok(workspace)
    }

    /// A command of cargo's for this workspace. It runs where the person stands, so that a
    /// relative CARGO_TARGET_DIR means the same to it.
    pub(crate) fn cargo(&self, words: &[&str]) -> CommandSpec {
        self.cargo_at(&self.root.join("Cargo.toml"), words)
    }

    /// A command of cargo's for another manifest than this workspace's.
    pub(crate) fn cargo_at(&self, manifest: &Utf8Path, words: &[&str]) -> CommandSpec {
        let (command, options) = words.split_first().unwrap_or((&"help", &[]));
        CommandSpec::new(&self.cargo, &self.env)
            .args([command, "--manifest-path", manifest.as_str()])
            .args(options.iter().copied())
            .dir(&self.current)
    }

    /// A path as the person would write it from where they stand.
    pub(crate) fn shown(&self, path: &Utf8Path) -> Utf8PathBuf {
        path.strip_prefix(&self.current).unwrap_or(path).to_owned()
    }

    fn ask_for_target(&self) -> Result<Utf8PathBuf, WorkspaceError> {
        const LIMIT: Duration = Duration::from_secs(120);
        let words = ["metadata", "--format-version", "1", "--no-deps"];
        let answer = run::checked(&self.cargo(&words), LIMIT)?;
        serde_json::from_slice::<serde_json::Value>(&answer.stdout)
            .ok()
            .and_then(|metadata| Some(metadata.get("target_directory")?.as_str()?.into()))
            .ok_or(WorkspaceError::NoTarget)
    }
}

fn without_cargo_runs_own(env: &GearEnv) -> GearEnv {
    env.iter()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            !FROM_CARGO_RUN.iter().any(|prefix| name.starts_with(prefix))
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A workspace that cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error(transparent)]
    NoCargo(#[from] ProgramError),
    #[error(transparent)]
    Cargo(#[from] RunError),
    #[error("cargo metadata does not say where the target directory is: is this cargo too old?")]
    NoTarget,
}
