//! Whether the machine runs containers as the tests want them, which not every machine does: one that is a
//! container itself may not start others, for instance.

use std::os::unix::fs::symlink;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::programs::{self, ProgramError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, tree};

use crate::copy::make;
use crate::machine::install::{self, PrepareError, is_root};
use crate::machine::needs::Need;
use crate::workspace::Workspace;

/// A part of the names of all tests that need containers, and of no other's.
pub(crate) const TESTS: &str = "containers::";
/// What the tests run podman and buildah with.
const CONFIGURATION: &str = "tests/fixtures/containers/containers.conf";
/// What a test asks of a container (`tests/src/containers.rs`).
const STRICT: [&str; 9] = [
    "--rm",
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--cpus=0.5",
    "--user=1000670000:0",
];
/// Where a machine has its programs and libraries beside `/usr`, or by other names.
const BESIDE_USR: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Makes sure that it does: installs what is lacking, and starts a container that sees this machine's programs.
///
/// # Errors
/// Why it does not.
pub(crate) fn prepare(workspace: &Workspace) -> Result<(), NoContainers> {
    if !is_root(&workspace.env) {
        return Err(NoContainers::NotRoot);
    }
    install::prepare(workspace, Need::TO_RUN_CONTAINERS)?;
    let root = workspace.target.join("containers/probe");
    tree::remove(&root)?;
    for name in ["etc", "proc", "sys", "dev", "tmp", "run", "usr"] {
        make(&root.join(name))?;
    }
    let mut volumes = vec!["--volume=/usr:/usr:ro".to_owned()];
    for name in BESIDE_USR {
        let (there, here) = (Utf8Path::new("/").join(name), root.join(name));
        if let Ok(target) = there.read_link_utf8() {
            symlink(target, &here)
                .map_err(|error| FileError::new("make the link", &here, error))?;
        } else if there.is_dir() {
            make(&here)?;
            volumes.push(format!("--volume={there}:{there}:ro"));
        }
    }
    let podman = programs::find("podman", &workspace.env, &[])?;
    const LIMIT: Duration = Duration::from_secs(60);
    let mut command = CommandSpec::new(podman, &workspace.env)
        .arg("run")
        .args(STRICT)
        .args(volumes)
        .args(["--rootfs", root.as_str(), "/usr/bin/env", "true"]);
    const NAME: &str = "CONTAINERS_CONF";
    if workspace.env.get(NAME).is_none() {
        command = command.env(NAME, workspace.root.join(CONFIGURATION).as_str());
    }
    run::checked(&command, LIMIT)?;
    Ok(tree::remove(&root)?)
}

/// A machine on which those tests cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoContainers {
    #[error("a container with limits needs root")]
    NotRoot,
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    NoProgram(#[from] ProgramError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("podman starts no container here: {0}")]
    Podman(#[from] RunError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::GearEnv;

    /// Where it is not so, this is left out as the others are.
    #[test]
    fn a_machine_that_is_not_told_to_run_none_runs_one() {
        let workspace = Workspace::here(GearEnv::from_process()).unwrap();
        prepare(&workspace).unwrap();
        let broken = GearEnv::from_process().with("CONTAINERS_CONF", "/dev/null/none");
        let why = prepare(&Workspace::here(broken).unwrap()).unwrap_err().to_string();
        assert!(why.starts_with("podman starts no container here: "), "{why}");
    }
}
