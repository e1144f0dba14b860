//! Compiling what will be read-only, as in an image: who serves it could not keep what it compiles, and
//! would do it anew with each start.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, tree};
use walkdir::WalkDir;

use super::{VirtualEnv, environment_for};

/// Thousands of files take a minute on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// Compiles what is below the directories that it is given. That a file is none of this Python's is no
/// error: packages bring templates, and code for other versions. Where Python can (3.7), it is told by
/// the file compiled, not by the time of its source, that the two belong together: what is copied gets
/// other times. One process, in the order of the names, so that the same comes of the same.
const COMPILE: &str = r"
import compileall, sys
how = {}
if sys.version_info >= (3, 7):
    import py_compile
    how['invalidation_mode'] = py_compile.PycInvalidationMode.UNCHECKED_HASH
for place in sys.argv[1:]:
    compileall.compile_dir(place, maxlevels=100, quiet=2, force=True, **how)
";

/// Compiles the code of the app in `repo`, and of the environment unless that has been done.
///
/// # Errors
/// [`PackError`]; some of it may be compiled then.
pub fn pack(
    venv: &VirtualEnv,
    repo: &Utf8Path,
    is_done: bool,
    env: &GearEnv,
) -> Result<(), PackError> {
    let packages = venv.site_packages().filter(|_| !is_done);
    let places: Vec<_> = packages.into_iter().chain([repo.to_owned()]).collect();
    for place in &places {
        forget(place)?;
    }
    let env = environment_for(venv, env).with("PYTHONHASHSEED", "0");
    let command = CommandSpec::new(venv.python(), &env)
        .args(["-E", "-s", "-c", COMPILE])
        .args(places.iter().map(|place| place.as_str()))
        .dir(venv.dir());
    Ok(run::checked(&command, LIMIT).map(drop)?)
}

/// Removes what Python has compiled below a directory, of files that may not be there any more.
fn forget(directory: &Utf8Path) -> Result<(), FileError> {
    let mut entries = WalkDir::new(directory).into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| FileError::new("look at", directory, e.into()))?;
        if entry.file_type().is_dir() && entry.file_name() == "__pycache__" {
            entries.skip_current_dir();
            if let Some(path) = Utf8Path::from_path(entry.path()) {
                tree::remove(path)?;
            }
        }
    }
    Ok(())
}

/// Code that was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Python failed altogether.
    #[error("what will be read-only could not be compiled: {0}")]
    Compile(#[from] RunError),
    /// What was compiled before is in the way.
    #[error(transparent)]
    File(#[from] FileError),
}
