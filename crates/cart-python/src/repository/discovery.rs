//! Where the app is: what was set, else what the repository says, else what the code is.
//!
//! Nothing of the app is run or imported for it, and nothing need be installed: files of Python are
//! read by the app's own Python as syntax trees. In this order, and the first that says something
//! counts:
//!
//! 1. the variable;
//! 2. `[tool.fastapi] entrypoint` in pyproject.toml, `FLASK_APP` in `.flaskenv`, the `web:` line of
//!    a Procfile, `wsgi_app` in gunicorn.conf.py, `APP_MODULE` and its like in `.s2i/environment`;
//! 3. `wsgi/application` and `application` in app.py, as this cartridge and the official one have
//!    it;
//! 4. the settings that manage.py names;
//! 5. the usual files at the top; then packages and `src`; then any other file at the top;
//! 6. a factory in any of these;
//! 7. the only Django project in a folder.

mod candidates;
mod code;
mod django;
mod error;
mod named;
mod nearest;
mod program;
mod said;

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;

use crate::environment::stamp::BasePython;
use crate::variables::entry_point::{EntryPoint, EntryPointError};
use crate::variables::interface::Interface;
use candidates::candidate::Choice;
use candidates::files::{self, Usual};
use candidates::usual;
use code::reader::Reader;
use code::serving::{self, Endless};
use code::sight::{App, Sight};
use said::{Said, Saying};

pub use candidates::candidate::Candidate;
pub use error::DiscoveryError;
pub use program::ProgramError;

/// Where an app is looked for, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The app's repository.
    pub repo: &'a Utf8Path,
    /// What somebody set, and the variable.
    pub set: Option<&'a (&'static str, EntryPoint)>,
    /// The program of the repository that serves by itself, if one does: then nothing else is looked
    /// for.
    pub program: Option<&'a str>,
    /// The variable that names another app for a second server: of a Django project, which has two apps,
    /// this one is then the WSGI app.
    pub beside: Option<&'a str>,
    /// The Python that reads its files.
    pub python: &'a BasePython,
    /// The gear's environment.
    pub env: &'a GearEnv,
    /// A directory of the cartridge's where what was read is kept, so that nothing is run when
    /// nothing has changed.
    pub place: &'a Utf8Path,
}

/// The app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its callable. One that was named may be an installed package's, and not be there yet.
    pub entry_point: EntryPoint,
    /// How it is called; `None` where the code alone does not say it for sure.
    pub interface: Option<Interface>,
    /// What decided it.
    pub decided_by: DecidedBy,
    /// One sentence for people: `the app is main:app, an instance of FastAPI: no other file names
    /// one`.
    pub because: String,
    /// Whether somebody has named it, in a variable or a file.
    pub is_named: bool,
    /// Whether that is another decision than the last time.
    pub is_new: bool,
}

impl Found {
    /// What `by` decided, for the reason `why`; `app` is what the code says of it.
    fn new(
        by: DecidedBy,
        is_named: bool,
        entry_point: EntryPoint,
        app: Option<App>,
        why: &str,
    ) -> Self {
        let what = app.as_ref().map(|app| format!(", {}", app.what)).unwrap_or_default();
        Self {
            because: format!("the app is {entry_point}{what}: {why}"),
            entry_point,
            interface: app.and_then(|app| app.interface),
            decided_by: by,
            is_named,
            is_new: false,
        }
    }

    /// The error for an app that is not where it was named.
    pub(crate) fn not_there(&self, problem: EntryPointError) -> DiscoveryError {
        let named = self.entry_point.to_string();
        DiscoveryError::NotThere { by: self.decided_by.clone(), named, problem: Box::new(problem) }
    }
}

/// What decides where the app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// A variable.
    Variable(&'static str),
    /// A line of a file.
    File {
        /// Relative to the repository.
        path: Utf8PathBuf,
        /// From 1.
        line: usize,
    },
}

/// `Procfile:1`, or the variable's name.
impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{path}:{line}"),
        }
    }
}

/// Folders of a repository that may have an app, or what it needs.
pub(crate) fn folders(repo: &Utf8Path) -> Vec<Utf8PathBuf> {
    files::folders(repo, Utf8Path::new(""))
}

/// Finds the app.
///
/// # Errors
/// [`DiscoveryError`], with what to write where.
pub fn find(search: &Search<'_>) -> Result<Found, DiscoveryError> {
    let reader = Reader::new(search.repo, search.python, search.env, search.place);
    let sight = Sight::new(&reader, search.beside);
    let found = match search.program {
        Some(program) => program::found(search.repo, program).map_err(Into::into),
        None => decide(&sight, search).and_then(|found| checked(&sight, found)),
    };
    let told = found.as_ref().map(|found| found.because.as_str()).unwrap_or_default();
    let is_new = reader.settle(told);
    found.map(|found| Found { is_new, ..found })
}

/// What was found, unless no server can import its file.
///
/// # Errors
/// [`DiscoveryError::Serves`], [`DiscoveryError::Hides`].
fn checked(sight: &Sight<'_>, found: Found) -> Result<Found, DiscoveryError> {
    let reader = sight.reader;
    let source = found.entry_point.source(reader.repo()).filter(|file| reader.has(file));
    let Some(file) = source else { return Ok(found) };
    let root = found.entry_point.folder();
    if let Some(Endless { line, call }) = serving::endless(sight, &file, &root) {
        return Err(DiscoveryError::Serves { file, line, call });
    }
    if let Some(package) = serving::hidden(sight, &file, &root) {
        return Err(DiscoveryError::Hides { file, package });
    }
    Ok(found)
}

fn decide(sight: &Sight<'_>, search: &Search<'_>) -> Result<Found, DiscoveryError> {
    let repo = search.repo;
    if let Some((variable, entry_point)) = search.set {
        return named::set(sight, variable, entry_point);
    }
    let saying =
        said::by_pyproject(repo)?.map_or_else(|| said::by_flaskenv(repo), |s| Ok(Some(s)))?;
    if let Some(saying) = saying {
        return named::said(sight, &saying);
    }
    if let Some(said) = said::by_procfile(sight.reader)?
        && let Some(found) = of_said(sight, said)?
    {
        return Ok(found);
    }
    let conf = Utf8Path::new("gunicorn.conf.py");
    if let Some(saying) = said::by_gunicorn_conf(sight.reader, conf) {
        return named::said(sight, &saying);
    }
    if let Some(said) = said::by_s2i(repo)?
        && let Some(found) = of_said(sight, said)?
    {
        return Ok(found);
    }
    if let Some(choice) = usual::of_cartridge(sight)? {
        return Ok(chosen(choice));
    }
    if let Some(found) = of_django(sight, Utf8Path::new(""))? {
        return Ok(found);
    }
    let usual = Usual::of(sight.reader);
    if let Some(choice) = usual::choose(sight, &usual)? {
        return Ok(chosen(choice));
    }
    let mut folders = folders(repo);
    folders.retain(|folder| django::project(sight, folder).is_some());
    let only = folders.pop().filter(|_| folders.is_empty());
    match only.map(|folder| of_django(sight, &folder)).transpose()?.flatten() {
        Some(found) => Ok(found),
        None => Err(nearest::none(sight, &usual)),
    }
}

/// `None` where what a file says leads to nothing in the repository.
fn of_said(sight: &Sight<'_>, said: Said) -> Result<Option<Found>, DiscoveryError> {
    match said {
        Said::App(saying) => named::said(sight, &saying).map(Some),
        Said::Django(folder) => of_django(sight, &folder),
        Said::Script { by, file, root } => named::script(sight, &by, &file, &root),
    }
}

fn of_django(sight: &Sight<'_>, folder: &Utf8Path) -> Result<Option<Found>, DiscoveryError> {
    let Some(project) = django::project(sight, folder) else { return Ok(None) };
    if let Some(failure) = &sight.reader.facts(&project.file).failure {
        return Err(DiscoveryError::unread(sight.reader, &project.file, failure));
    }
    let app = sight.of(&project.file, folder, project.entry_point.callable());
    Ok(Some(Found::new(project.by, true, project.entry_point, app, &project.why)))
}

fn chosen(choice: Choice) -> Found {
    let Candidate { entry_point, file, line, app } = choice.candidate;
    Found::new(DecidedBy::File { path: file, line }, false, entry_point, Some(app), &choice.why)
}

#[cfg(test)]
mod tests;
