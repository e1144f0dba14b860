//! The current deployment of a restored gear: checked while it lies beside the gear, then copied to
//! where it runs and started (node-contract.md, Build, Snapshot, restore).

use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

use crate::exchange::exchange;
use crate::gear::GearOnDisk;
use crate::managed;
use crate::progress::Progress;
use crate::scripts::HookError;
use crate::state::State;
use crate::tree;
use crate::unpack::UnpackError;

/// Whether a snapshot has a deployment that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    /// It has.
    There,
    /// It has not: the app was never built.
    Missing,
}

const PARTS: [&str; 3] = ["repo", "dependencies", "build-dependencies"];

/// Whether the link `current` in `deployments` leads to a deployment beside it.
///
/// # Errors
/// [`UnpackError::Layout`] when it leads anywhere else.
pub fn check(deployments: &Utf8Path) -> Result<Current, UnpackError> {
    let link = deployments.join("current");
    let Ok(found) = link.symlink_metadata() else {
        return Ok(Current::Missing);
    };
    let wrong =
        |reason: &str| UnpackError::Layout { wrong: format!("app-deployments/current {reason}") };
    if !found.is_symlink() {
        return Err(wrong("is no link"));
    }
    let target = link.read_link_utf8().map_err(|_| wrong("is no link to a deployment"))?;
    let mut components = target.components();
    let (Some(Utf8Component::Normal(name)), None) = (components.next(), components.next()) else {
        return Err(wrong(&format!("leads to {target}, which is no deployment beside it")));
    };
    let real = |path: Utf8PathBuf| path.symlink_metadata().is_ok_and(|m| m.is_dir());
    if !real(deployments.join(name)) || !real(deployments.join(name).join("repo")) {
        return Err(wrong(&format!("leads to {name}, which holds no code")));
    }
    Ok(Current::There)
}

impl GearOnDisk {
    /// Puts the current deployment where it runs and starts it.
    pub(crate) fn activate_current(&self, progress: &mut dyn Progress) -> Result<(), HookError> {
        self.put_current_in_place().map_err(HookError::Environment)?;
        self.control_alone("update-configuration", progress)?;
        State::Deploying.write(self.layout()).map_err(HookError::Environment)?;
        self.control_alone("deploy", progress)?;
        self.user_hook("deploy", progress)?;
        self.resume(progress)?;
        self.control_alone("post-deploy", progress)?;
        self.user_hook("post_deploy", progress)?;
        note_activation(&self.layout().deployments().join("current/metadata.json"))
            .map_err(HookError::Environment)
    }

    fn put_current_in_place(&self) -> Result<(), FileError> {
        let layout = self.layout();
        let current = layout.deployments().join("current");
        for part in PARTS {
            let fresh = layout.runtime().join(format!(".{part}.new"));
            tree::remove(&fresh)?;
            files::create_dir(&fresh, 0o750)?;
            if current.join(part).is_dir() {
                tree::copy(&current.join(part), &fresh, |_| false)?;
            }
            exchange(&fresh, &layout.runtime().join(part))?;
            tree::remove(&fresh)?;
        }
        match self.cartridge() {
            Some(c) => managed::link_dependencies(layout, &c.directory, &c.managed),
            None => Ok(()),
        }
    }
}

/// Metadata that is missing or not understood is left alone: nothing but a list of times is lost.
fn note_activation(path: &Utf8Path) -> Result<(), FileError> {
    let content = files::read_if_exists(path)?.unwrap_or_default();
    let Ok(mut metadata) = serde_json::from_slice::<serde_json::Value>(&content) else {
        return Ok(());
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let Some(activations) = metadata.get_mut("activations").and_then(|a| a.as_array_mut()) else {
        return Ok(());
    };
    activations.push(now.as_secs_f64().into());
    files::write_atomic(path, metadata.to_string().as_bytes(), 0o640)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_current_deployment_lies_beside_its_link() {
        let checked = |target: Option<&str>| {
            let keep = tempfile::tempdir().unwrap();
            let dir = Utf8Path::from_path(keep.path()).unwrap();
            std::fs::create_dir_all(dir.join("2024-01-01/repo")).unwrap();
            std::fs::create_dir_all(dir.join("2024-01-02")).unwrap();
            symlink("/etc", dir.join("elsewhere")).unwrap();
            if let Some(target) = target {
                symlink(target, dir.join("current")).unwrap();
            }
            check(dir).map_err(|error| error.to_string())
        };
        assert_eq!(checked(None), Ok(Current::Missing));
        assert_eq!(checked(Some("2024-01-01")), Ok(Current::There));
        for wrong in ["../data", "/etc", "2024-01-02", "elsewhere", "gone"] {
            let error = checked(Some(wrong)).unwrap_err();
            assert!(error.contains("app-deployments/current leads to"), "{error}");
        }
    }
}
