//! A gear around what was prepared: its code and its dependencies lie elsewhere, maybe where nobody can write.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{lock, tree};

use crate::deploy::build::Turn;
use crate::deploy::deployments::{Deployment, Markers};
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::lifecycle::LAST_PROCESSES;
use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::layout::paths::Layout;
use crate::scripts::processes::Processes;
use crate::scripts::progress::Progress;
use crate::serve::prepared::record::{PARTS, Prepared};

/// The file of a gear's environment that tells it from others.
const UUID: &str = "OPENSHIFT_GEAR_UUID";

/// A gear around what was prepared, on which the app can be started; held for as long as the first value, which must
/// outlive it.
///
/// # Errors
/// [`GearError`]; nothing is left behind.
pub(crate) fn open(
    directory: &Utf8Path,
    how: GearOptions,
) -> Result<(Alone, Throwaway), GearError> {
    let prepared = Prepared::read(directory)?;
    let directory =
        directory.canonicalize_utf8().map_err(|error| FileError::new("read", directory, error))?;
    if directory != prepared.directory {
        return Err(GearError::wrong(format!(
            "what is in {directory} was prepared as {}, and what was built names that: put it there, or prepare it here",
            prepared.directory
        )));
    }
    let alone = alone(&prepared.home)?;
    let gear = on(how, &prepared.home, &directory)?;
    Ok((alone, gear))
}

/// Deploys and starts what lies on the gear, built.
pub(crate) fn start(gear: &mut GearOnDisk, progress: &mut dyn Progress) -> Result<(), GearError> {
    let markers = Markers::of(&gear.layout().repo());
    let mut deployment = Deployment::begin(gear.layout(), markers, "prepared", None)?;
    let mut unfinished = Unfinished::of(gear.layout());
    gear.deploy_phases(Turn::Start, &mut deployment, &mut unfinished, progress)?;
    gear.end_of(progress);
    Ok(())
}

/// A new gear whose code and dependencies are those in `directory`.
pub(super) fn on(
    how: GearOptions,
    home: &Utf8Path,
    directory: &Utf8Path,
) -> Result<Throwaway, GearError> {
    let gear = Throwaway::create_at(how, home)?;
    for part in PARTS {
        let (link, target) = (gear.layout().runtime().join(part), directory.join(part));
        if !target.is_dir() {
            files::create_dir(&target, 0o770)?;
        }
        tree::remove(&link)?;
        symlink(&target, &link).map_err(|e| FileError::new("make the link", &link, e))?;
    }
    Ok(gear)
}

/// Nobody else serves or builds in a home while it lives. Nothing stays of it: an image in which one user has
/// built something is served by others.
#[derive(Debug)]
pub(crate) struct Alone {
    path: Utf8PathBuf,
    _held: File,
}

impl Drop for Alone {
    fn drop(&mut self) {
        // The lock goes all the same, and who finds the file and may open it takes it.
        let _ = files::remove_if_exists(&self.path);
    }
}

/// Makes sure that nobody else serves or builds in this home, and that it is not there: what a kill left of
/// one goes.
pub(super) fn alone(home: &Utf8Path) -> Result<Alone, GearError> {
    let path = Utf8PathBuf::from(format!("{home}.lock"));
    let Some(held) = lock::try_lock(&path)? else {
        return Err(GearError::failed(format!(
            "another `gear` prepares or serves an app in {home} now; one at a time does that with a directory for temporary files"
        )));
    };
    let alone = Alone { path, _held: held };
    let Ok(left) = home.symlink_metadata() else {
        return Ok(alone);
    };
    // Anybody may make something in a directory for temporary files, and name our processes in it.
    let is_ours = left.is_dir() && left.uid() == rustix::process::geteuid().as_raw();
    let env = Layout::new(home.to_owned(), "").env();
    let uuid = if is_ours { files::read_if_exists(&env.join(UUID))? } else { None };
    let Some(uuid) = uuid else {
        return Err(GearError::failed(format!(
            "{home} is in the way, and it is no gear of this user: move it elsewhere"
        )));
    };
    let processes = Processes::new(home.to_owned(), &String::from_utf8_lossy(&uuid));
    GearError::unless_gone(&processes.end_all(LAST_PROCESSES), "the gear that was left")?;
    tree::remove(home)?;
    Ok(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_goes_with_its_holder_and_nothing_strange_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (home, lock) = (dir.join("home"), dir.join("home.lock"));
        let held = alone(&home).unwrap();
        assert!(lock.is_file() && alone(&home).is_err());
        drop(held);
        assert!(!lock.exists());
        let other = dir.join("other");
        std::fs::create_dir_all(other.join(".env")).unwrap();
        files::write_atomic(&other.join(".env").join(UUID), b"0123", 0o644).unwrap();
        symlink(&other, &home).unwrap();
        assert!(alone(&home).unwrap_err().to_string().contains("in the way"));
        assert!(other.is_dir() && home.is_symlink() && !lock.exists());
        std::fs::remove_file(&home).unwrap();
        symlink(&other, &lock).unwrap();
        alone(&home).unwrap_err();
        std::fs::remove_file(&lock).unwrap();
        std::fs::rename(&other, &home).unwrap();
        drop(alone(&home).unwrap());
        assert!(!home.exists() && !lock.exists());
    }
}
