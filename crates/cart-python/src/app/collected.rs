//! The static files of a Django project: collected when it is built, kept for nginx in its
//! environment.
//!
//! What Django collects into `STATIC_ROOT` is linked into a numbered folder of the environment, so
//! that it travels with a deployment and comes back with a rollback, wherever `STATIC_ROOT` is, and
//! is there while the next deployment is built. Which folder counts is in the environment's stamp:
//! a start runs no Python for it. It is no part of the app's code, so nothing else of that is in it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::run::{self, RunError};
use cart_core::tree;
use serde::Deserialize;

use super::PythonApp;
use crate::environment::stamp::Stamp;
use crate::environment::virtualenv::VirtualEnv;
use crate::environment::virtualenv::stage::{copy_tree, resolved};
use crate::runtime::support;
use crate::variables::names::COLLECTSTATIC;

pub use crate::environment::stamp::Collected;

/// Collecting takes seconds, to a storage elsewhere minutes.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The program that makes a project of Django of a repository.
const MANAGE: &str = "manage.py";

/// Where the folders are in an environment.
const FOLDERS: &str = "static";

impl Collected {
    /// What was collected for the app whose environment is at `place`, and where it lies.
    #[must_use]
    pub fn of(place: &Utf8Path) -> Option<(Self, Utf8PathBuf)> {
        let collected = Stamp::read(place)?.collected?;
        let folder = folder(place, collected.number);
        folder.is_dir().then_some((collected, folder))
    }
}

/// What the project says, by `cartridge_collect.py`.
#[derive(Debug, Deserialize)]
struct Answer {
    root: Utf8PathBuf,
    url: String,
}

impl PythonApp {
    /// Collects the static files of a Django project that says where (`STATIC_ROOT`), unless
    /// somebody said that they are not to be. The environment must be ready. What stands in the way
    /// of serving them is told to `progress`.
    ///
    /// # Errors
    /// [`CollectError`]; what was collected before is still there.
    pub fn collect_static(&self, progress: &mut dyn FnMut(&str)) -> Result<(), CollectError> {
        let place = &self.places.environment;
        let Some(mut stamp) = Stamp::read(place) else { return Ok(()) };
        sweep_but(place, stamp.collected.as_ref())?;
        let collected = match self.asked()? {
            Some(answer) => self.keep(&answer, stamp.collected.as_ref(), progress)?,
            None => None,
        };
        if collected.is_some() || stamp.collected.is_some() {
            stamp.collected = collected;
            stamp.write(place)?;
        }
        Ok(())
    }

    /// Lets the project collect, and answers what it says of it.
    fn asked(&self) -> Result<Option<Answer>, CollectError> {
        let venv = VirtualEnv::at(&self.places.environment);
        let is_project =
            self.places.repo.join(MANAGE).is_file() && venv.installed("django").is_some();
        if !self.settings.collects_static || !is_project {
            return Ok(None);
        }
        support::write(&self.places.launchers)?;
        let failed =
            |source| FileError::new("make a directory for", &self.places.launchers, source);
        let told = tempfile::tempdir().map_err(failed)?;
        let answer = told.path().join("answer");
        let command = self
            .command(venv.python())
            .arg(self.places.launchers.join("cartridge_collect.py"))
            .arg(answer.to_string_lossy());
        run::checked(&command, LIMIT).map_err(CollectError::Failed)?;
        // A manage.py of another kind has not called Django where we wait for it.
        let Ok(answer) = std::fs::read(answer) else { return Ok(None) };
        Ok(serde_json::from_slice(&answer).ok())
    }

    fn keep(
        &self,
        answer: &Answer,
        former: Option<&Collected>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Collected>, CollectError> {
        let Ok(root) = answer.root.canonicalize_utf8() else { return Ok(None) };
        if let Some(more) = self.holds_more(&root) {
            progress(&format!(
                "Static files are not served from STATIC_ROOT, {root}: {more} is in it, too. \
                 Name a folder of its own"
            ));
            return Ok(None);
        }
        let place = &self.places.environment;
        let number = former.map_or(0, |former| former.number) + 1;
        let real = folder(&resolved(place)?, number);
        files::create_dir(real.parent().unwrap_or(place), 0o755)?;
        tree::remove(&real)?;
        copy_tree(&root, &real)?;
        Ok(Some(Collected { url: answer.url.clone(), number }))
    }

    /// What of the gear would be served along with the static files in `root`.
    fn holds_more(&self, root: &Utf8Path) -> Option<Utf8PathBuf> {
        let places = [&self.places.repo, &self.places.environment, &self.places.data];
        let real = places.into_iter().filter_map(|place| place.canonicalize_utf8().ok());
        real.into_iter().find(|place| place.starts_with(root))
    }
}

/// Removes what was collected earlier than what counts now, when nothing serves it any more.
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub fn sweep(place: &Utf8Path) -> Result<(), FileError> {
    sweep_but(place, Stamp::read(place).and_then(|stamp| stamp.collected).as_ref())
}

fn sweep_but(place: &Utf8Path, kept: Option<&Collected>) -> Result<(), FileError> {
    let kept = kept.map(|kept| kept.number.to_string());
    for entry in place.join(FOLDERS).read_dir_utf8().into_iter().flatten().flatten() {
        if Some(entry.file_name()) != kept.as_deref() {
            tree::remove(entry.path())?;
        }
    }
    Ok(())
}

fn folder(environment: &Utf8Path, number: u64) -> Utf8PathBuf {
    environment.join(FOLDERS).join(number.to_string())
}

/// Static files that could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Django said no, or could not be asked.
    #[error(
        "the static files could not be collected: {}\nMend it, or set {}=no", reason(.0), COLLECTSTATIC.name
    )]
    Failed(#[source] RunError),
    /// A file could not be written.
    #[error("the static files could not be kept: {0}")]
    File(#[from] FileError),
}

/// The last line of a traceback says what is the matter; it comes first here.
fn reason(error: &RunError) -> String {
    match error {
        RunError::Failed { last_lines, status, .. } => {
            let last = last_lines.iter().rev().find(|line| !line.trim().is_empty());
            let last = last.map_or(status.as_str(), |line| line.trim());
            format!("{last}\n{}", last_lines.join("\n"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
