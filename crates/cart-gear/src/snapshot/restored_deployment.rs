//! The current deployment of a restored gear: checked while it lies beside the gear, then copied to
//! where it runs and started (node-contract.md, Build, Snapshot, restore).

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use cart_core::files;

use crate::deploy::build::Turn;
use crate::deploy::deployments;
use crate::deploy::deployments::PARTS;
use crate::deploy::deployments::metadata::{self, Metadata};
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::managed;
use crate::scripts::progress::Progress;
use crate::snapshot::unpack::no_snapshot;

/// Whether a snapshot has a deployment that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// It has.
    There,
    /// It has not: the app was never built.
    Missing,
}

/// Whether the link `current` in `deployments` leads to a deployment beside it, whose empty parts
/// are made if they are missing.
///
/// # Errors
/// [`GearError`] when it leads anywhere else, or metadata is none.
pub(super) fn check(deployments: &Utf8Path) -> Result<Current, GearError> {
    let link = deployments.join("current");
    let Ok(found) = link.symlink_metadata() else {
        return Ok(Current::Missing);
    };
    let wrong = |reason: &str| no_snapshot(&format!("app-deployments/current {reason}"));
    if !found.is_symlink() {
        return Err(wrong("is no link"));
    }
    let target = link.read_link_utf8().map_err(|_| wrong("is no link to a deployment"))?;
    let mut components = target.components();
    let (Some(Utf8Component::Normal(name)), None) = (components.next(), components.next()) else {
        return Err(wrong(&format!("leads to {target}, which is no deployment beside it")));
    };
    let real = |path: Utf8PathBuf| path.symlink_metadata().is_ok_and(|m| m.is_dir());
    let directory = deployments.join(name);
    if !real(directory.clone()) || !real(directory.join("repo")) {
        return Err(wrong(&format!("leads to {name}, which holds no code")));
    }
    for part in PARTS.map(|part| directory.join(part)) {
        // An archive need not have what is empty.
        if part.symlink_metadata().is_err() {
            files::create_dir(&part, 0o750)?;
        }
    }
    check_metadata(deployments)?;
    Ok(Current::There)
}

/// Metadata of all deployments is read again and again; what nobody wrote so is told now.
fn check_metadata(deployments: &Utf8Path) -> Result<(), GearError> {
    for entry in deployments.read_dir_utf8().into_iter().flatten().flatten() {
        let is_deployment = entry.file_name().starts_with(|c: char| c.is_ascii_digit());
        if is_deployment && entry.path().join(metadata::FILE).symlink_metadata().is_ok() {
            Metadata::read(entry.path()).map_err(|error| {
                let (name, source) = (entry.file_name(), error.source);
                no_snapshot(&format!("app-deployments/{name}/{}: {source}", metadata::FILE))
            })?;
        }
    }
    if deployments.join("current").join(metadata::FILE).exists() {
        return Ok(());
    }
    Err(no_snapshot(&format!("its current deployment has no {}", metadata::FILE)))
}

impl GearOnDisk {
    /// Puts the current deployment where it runs and starts it.
    pub(crate) fn activate_current(
        &mut self,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let Some(mut current) = deployments::current(&self.layout)? else {
            return Ok(());
        };
        current.put_in_place(&self.layout)?;
        if let Some(c) = &self.primary {
            managed::link_dependencies(&self.layout, &c.directory, &c.managed)?;
        }
        self.deploy_phases(Turn::Start, &mut current, unfinished, progress)
    }
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
            Metadata::default().write(&dir.join("2024-01-01")).unwrap();
            std::fs::create_dir_all(dir.join("2024-01-02")).unwrap();
            symlink("/etc", dir.join("elsewhere")).unwrap();
            if let Some(target) = target {
                symlink(target, dir.join("current")).unwrap();
            }
            let checked = check(dir).map_err(|error| error.to_string());
            assert_eq!(dir.join("2024-01-01/dependencies").is_dir(), checked == Ok(Current::There));
            checked
        };
        assert_eq!(checked(None), Ok(Current::Missing));
        assert_eq!(checked(Some("2024-01-01")), Ok(Current::There));
        for wrong in ["../data", "/etc", "2024-01-02", "elsewhere", "gone"] {
            let error = checked(Some(wrong)).unwrap_err();
            assert!(error.contains("app-deployments/current leads to"), "{error}");
        }
    }
}
