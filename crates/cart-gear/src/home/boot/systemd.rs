//! Making systemd know a [`Unit`], as far as there is a systemd.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, programs};

use crate::home::boot::unit::{Unit, Whose};

/// How long systemd may take to an answer that needs no work.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a start of all gears may take.
const START: Duration = Duration::from_secs(3600);

/// Writes a unit into `directory`, which is made if it is missing; one that is there already is
/// replaced. Answers its path.
///
/// # Errors
/// [`FileError`] naming the file or the directory.
pub fn write(unit: &Unit, directory: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    std::fs::create_dir_all(directory).map_err(|e| FileError::new("make", directory, e))?;
    let path = directory.join(unit.name());
    // It must be whole at the next boot, whatever ends this one.
    if files::read_if_exists(&path)?.as_deref() != Some(unit.text().as_bytes()) {
        files::write_atomic(&path, unit.text().as_bytes(), 0o644)?;
    }
    Ok(path)
}

/// The systemd that runs here, for units of one kind.
#[derive(Clone, Debug)]
pub struct Systemd {
    program: Utf8PathBuf,
    env: GearEnv,
    user: bool,
}

impl Systemd {
    /// The systemd of this machine, or of the user; `None` where none runs, in a container for
    /// example. `env` is the caller's environment: it says how a user's own is reached.
    #[must_use]
    pub fn running(env: &GearEnv, whose: &Whose) -> Option<Self> {
        let program = programs::find("systemctl", env, &[]).ok()?;
        let found = Self { program, env: env.clone(), user: *whose == Whose::User };
        // It ends with another code than 0 even where some unit's failure is all that is wrong.
        let answer = run::output(&found.command(&["is-system-running"]), ANSWER).ok()?;
        let state = answer.stdout_text();
        let runs = ["initializing", "starting", "running", "degraded", "maintenance"];
        runs.contains(&state.trim()).then_some(found)
    }

    /// Has the unit run at each start of the machine, and now.
    ///
    /// # Errors
    /// [`RunError`] with what systemctl says of it.
    pub fn enable(&self, unit: &Unit) -> Result<(), RunError> {
        self.reload()?;
        run::checked(&self.command(&["enable", "--now", &unit.name()]), START).map(|_| ())
    }

    /// Has the unit run no more when the machine starts. What runs goes on.
    ///
    /// # Errors
    /// [`RunError`] with what systemctl says of it.
    pub fn disable(&self, unit: &Unit) -> Result<(), RunError> {
        run::checked(&self.command(&["disable", &unit.name()]), ANSWER).map(|_| ())
    }

    /// Has systemd read all units again.
    ///
    /// # Errors
    /// [`RunError`] with what systemctl says of it.
    pub fn reload(&self) -> Result<(), RunError> {
        run::checked(&self.command(&["daemon-reload"]), ANSWER).map(|_| ())
    }

    fn command(&self, args: &[&str]) -> CommandSpec {
        let user = self.user.then_some("--user");
        CommandSpec::new(&self.program, &self.env)
            .args(user.into_iter().chain(args.iter().copied()))
    }
}
