//! Changing an environment beside the one in use, and putting it in place at once.
//!
//! A server that runs imports from its environment for as long as it lives. So nothing is ever
//! installed into that one: a stage beside it is made from nothing, or as a copy that shares its
//! files (hard links), packages are installed there, and one exchange of two names puts it in place. When
//! anything fails on the way, the environment in use is as it was.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, tree};

use super::relocate::{self, relocate};
use super::{VirtualEnv, environment_for};
use crate::environment::installer::cache::Cache;
use crate::environment::installer::failure::Failure;
use crate::environment::installer::uv::program::Program;
use crate::environment::interpreter::Interpreter;
use crate::environment::stamp::{self, Stamp};

/// `python -m venv` takes two or three seconds; far beyond that the disk does not answer.
const LIMIT: Duration = Duration::from_secs(180);

/// Prints the wheels that ensurepip installs. Which they are, no interface of it tells.
const BUNDLED: &str = r"
import ensurepip, glob, os, sysconfig
names = [project[0] for project in getattr(ensurepip, '_PROJECTS', [])]
names = names or getattr(ensurepip, '_PACKAGE_NAMES', ['pip'])
bundled = os.path.join(os.path.dirname(ensurepip.__file__), '_bundled')
for place in [sysconfig.get_config_var('WHEEL_PKG_DIR'), bundled, '/usr/share/python-wheels']:
    wheels = [glob.glob(os.path.join(place, name + '-*.whl')) for name in names] if place else []
    if wheels and all(wheels):
        print('\n'.join(max(found) for found in wheels))
        break
";

/// An environment in the making; removed again unless it is put in place.
#[derive(Debug)]
pub struct Stage {
    venv: VirtualEnv,
    /// The name by which programs will know it; may be a link.
    place: Utf8PathBuf,
    /// The directory that the name leads to.
    target: Utf8PathBuf,
}

impl Stage {
    /// An environment from nothing, for `place`, with the pip that comes with its Python; `uv` puts
    /// it there from `cache` in a fraction of the time, if there is one.
    ///
    /// # Errors
    /// [`StageError::Create`] when Python cannot make one, [`StageError::File`].
    pub fn fresh(
        place: &Utf8Path,
        interpreter: &Interpreter,
        env: &GearEnv,
        uv: Option<&Program>,
        cache: &Cache,
    ) -> Result<Self, StageError> {
        let stage = Self::beside(place)?;
        let name = place.file_name().unwrap_or("virtenv");
        // The interpreter's own name space: a PYTHONPATH of the app could replace its modules.
        let bare = CommandSpec::new(&interpreter.executable, &env.for_service())
            .args(["-E", "-s", "-m", "venv", "--without-pip", "--prompt", name])
            .arg(stage.venv.dir.as_str());
        // What venv itself does next; but when that fails, venv keeps the reason to itself.
        let with_pip = CommandSpec::new(stage.venv.python(), &environment(&stage, env))
            .args(["-E", "-s", "-m", "ensurepip", "--upgrade", "--default-pip"])
            .dir(&stage.venv.dir);
        let make = |command| {
            run::checked(command, LIMIT).map_err(|source| StageError::Create {
                version: interpreter.version.clone(),
                source,
            })
        };
        make(&bare)?;
        if !uv.is_some_and(|uv| stage.has_bundled_pip_by(uv, env, cache)) {
            make(&with_pip)?;
        }
        Ok(stage)
    }

    /// Lets `uv` install the wheels that ensurepip would. Answers whether it did.
    fn has_bundled_pip_by(&self, uv: &Program, env: &GearEnv, cache: &Cache) -> bool {
        let env = environment(self, env);
        let python = self.venv.python();
        let question = CommandSpec::new(&python, &env).args(["-E", "-s", "-c", BUNDLED]);
        let Ok(wheels) = run::checked(&question, LIMIT) else { return false };
        let wheels = wheels.stdout_text();
        if wheels.is_empty() {
            return false;
        }
        let install = uv.installing_into(&python, &env, cache);
        let install = install.args(wheels.lines()).dir(&self.venv.dir);
        run::checked(&install, LIMIT).is_ok() && self.venv.installed("pip").is_some()
    }

    /// A copy of the environment at `place`, without its stamp.
    ///
    /// # Errors
    /// [`StageError::File`] naming what could not be copied.
    pub fn copy_of(place: &Utf8Path) -> Result<Self, StageError> {
        let stage = Self::beside(place)?;
        copy_tree(&stage.target, &stage.venv.dir)?;
        Ok(stage)
    }

    /// The environment in the making.
    #[must_use]
    pub fn venv(&self) -> &VirtualEnv {
        &self.venv
    }

    /// Writes the stamp, gives scripts the names they will have in place, and exchanges the
    /// stage with what is in place, which is then removed. `moves` are old and new places of
    /// other things that its scripts and links name.
    ///
    /// # Errors
    /// [`StageError::File`]; what was in place still is.
    pub fn put_in_place(
        self,
        stamp: &Stamp,
        moves: &[(&Utf8Path, &Utf8Path)],
    ) -> Result<(), StageError> {
        let mut moves = moves.to_vec();
        moves.push((&self.venv.dir, &self.place));
        relocate(&self.venv, &moves)?;
        stamp.write(&self.venv.dir)?;
        tree::exchange(&self.venv.dir, &self.target)?;
        self.leave_the_replaced_one();
        Ok(())
    }

    /// Has the environment that was in place removed while others go on: its thousands of names are as
    /// much work as the change itself. Where that cannot be, `Drop` does it.
    fn leave_the_replaced_one(&self) {
        let replaced = replaced(&self.place);
        if fs::rename(&self.venv.dir, &replaced).is_err() {
            return; // there was none, or it is on another file system
        }
        // Nothing of the gear's is in its environment or directory: it is none of the gear's processes.
        let command = CommandSpec::new("/bin/rm", &GearEnv::new()).args(["-rf", replaced.as_str()]);
        let nowhere = fs::File::options().write(true).open("/dev/null");
        let left = nowhere.map(|nowhere| run::daemon(&command.dir("/"), Vec::new(), &nowhere));
        if !matches!(left, Ok(Ok(_))) {
            let _ = tree::remove(&replaced);
        }
    }

    fn beside(place: &Utf8Path) -> Result<Self, StageError> {
        let target = resolved(place)?;
        let parent = target.parent().unwrap_or(Utf8Path::new("/"));
        fs::create_dir_all(parent)
            .map_err(|source| FileError::new("create the directory", parent, source))?;
        let name = target.file_name().unwrap_or("virtenv");
        let stage = Self {
            venv: VirtualEnv::at(parent.join(format!(".{name}.new"))),
            place: place.to_owned(),
            target,
        };
        // One hook at a time: what is there was left behind by one that was killed.
        tree::discard(&stage.venv.dir)?;
        tree::remove(&replaced(&stage.place))?;
        Ok(stage)
    }
}

impl Drop for Stage {
    /// What cannot be removed now is removed before the next stage is made.
    fn drop(&mut self) {
        let _ = tree::remove(&self.venv.dir);
    }
}

/// Where an environment is until it is removed, once another is at `place`. Not beside the other: a
/// node copies all that is there as soon as a build is over.
fn replaced(place: &Utf8Path) -> Utf8PathBuf {
    let name = place.file_name().unwrap_or("virtenv");
    place.with_file_name(format!(".{name}.old"))
}

/// The directory that `place` leads to, also when nothing is there yet: on a gear the name in
/// the cartridge's directory is a link to the node's place for dependencies.
pub(crate) fn resolved(place: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    if let Ok(real) = place.canonicalize_utf8() {
        return Ok(real);
    }
    match place.read_link_utf8() {
        Ok(link) => Ok(place.parent().unwrap_or(Utf8Path::new("/")).join(link)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
            Ok(place.to_owned())
        }
        Err(source) => Err(FileError::new("look at", place, source)),
    }
}

/// Copies an environment, its stamp left out. Whatever no tool writes into is shared.
pub(crate) fn copy_tree(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let is_stamp = |below: &Path| below == Path::new(stamp::FILE);
    // Somebody may have taken from directories the permission to write, which would last for ever.
    let new = tree::Directories::New;
    tree::copy_sharing(from, to, new, is_stamp, |entry| !is_rewritten(entry.below()))
}

/// Whether some tool may write into this file as it is: then the environment in use, which
/// shares it, would change too. Everything else is replaced as a whole, by pip, by uv and by Python.
fn is_rewritten(relative: &Path) -> bool {
    relative.starts_with("bin")
        || relative.starts_with("src")
        || relative.parent() == Some(Path::new(""))
        || relative.file_name().is_some_and(|n| relocate::is_link_file(&n.to_string_lossy()))
}

/// The environment of `python -m venv` and pip inside a stage.
pub(crate) fn environment(stage: &Stage, env: &GearEnv) -> GearEnv {
    let mut env = environment_for(&stage.venv, env);
    // A folder of the app's must not replace a module of pip's.
    env.remove("PYTHONPATH");
    env
}

fn remedy(error: &RunError) -> String {
    match error {
        RunError::Failed { last_lines, .. } => match Failure::of(last_lines, None) {
            full @ Failure::DiskFull => format!("\n{full}"),
            _ => String::new(),
        },
        RunError::NotStarted { .. } | RunError::TimedOut { .. } => String::new(),
    }
}

/// An environment that could not be made or put in place.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Python could not make it.
    #[error("Python {version} could not make a virtual environment: {source}{}", remedy(.source))]
    Create {
        /// The version of the interpreter.
        version: semver::Version,
        /// How it ended.
        #[source]
        source: RunError,
    },
    /// A file of it could not be written.
    #[error("the virtual environment could not be changed: {0}")]
    File(#[from] FileError),
}
