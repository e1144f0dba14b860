//! What is decided of an app before anything is done for it, and how people are told.

use semver::Version;

use super::Served;
use super::{PythonApp, PythonError, capitalized};
use crate::environment::python_wish::PythonWish;
use crate::environment::stamp::Stamp;
use crate::environment::virtualenv::VirtualEnv;
use crate::repository::background::Background;
use crate::repository::discovery::{DiscoveryError, Found};
use crate::repository::inputs::Inputs;
use crate::variables::entry_point::EntryPointError;

/// What an app is, what it asks for and what will serve it. Nothing was installed to find that out.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What is to be installed for it.
    pub inputs: Inputs,
    /// The Python that it asks for.
    pub python: PythonWish,
    /// The app and its server.
    pub app: Served,
    /// A second server, and what it runs.
    pub websocket: Option<Served>,
    /// What runs beside them.
    pub background: Background,
    /// The version of its Python, where anything differs from what was decided the last time.
    news: Option<Version>,
}

impl Decided {
    /// What people should know before the work begins, in whole sentences; none when it is what was
    /// decided the last time.
    #[must_use]
    pub fn news(&self) -> Vec<String> {
        let Some(version) = &self.news else { return Vec::new() };
        let mut sentences = vec![self.python.sentence(version)];
        sentences.extend(self.python.remarks(version));
        sentences.extend(self.inputs.said.iter().cloned());
        sentences.push(capitalized(&self.app.found.because));
        let second = self.websocket.as_ref().map(|second| &second.found);
        // That it is the same one needs no saying.
        let second = second.filter(|found| found.entry_point != self.app.found.entry_point);
        sentences.extend(second.map(|found| format!("Beside it, {}", found.because)));
        sentences
    }
}

impl PythonApp {
    /// Decides all that can be without installing or importing anything. When nothing has changed
    /// since the last time, no process runs.
    ///
    /// # Errors
    /// [`PythonError`]: what nobody should wait for an installation to hear.
    pub fn decide(&self) -> Result<Decided, PythonError> {
        let inputs = self.inputs()?;
        let python = self.python_wish()?;
        let app = self.serve(&python)?;
        self.refuse_early(&inputs, &app.found)?;
        let websocket = self.for_websockets().map(|second| -> Result<Served, PythonError> {
            let served = second.serve(&python)?;
            second.refuse_early(&inputs, &served.found)?;
            Ok(served)
        });
        let websocket = websocket.transpose()?;
        let background = self.background()?;
        let is_as_before = |stamp: Stamp| {
            stamp.app == inputs.digest && python.fits(&stamp.python.version) && python.keeps(&stamp)
        };
        let found = [Some(&app), websocket.as_ref()].into_iter().flatten().map(|s| &s.found);
        let is_new = found.into_iter().any(|found| found.is_new)
            || !Stamp::read(&self.places.environment).is_some_and(is_as_before);
        let news = is_new.then(|| self.next_python(&python)).transpose()?;
        Ok(Decided { inputs, python, app, websocket, background, news })
    }

    /// For people: that the app which somebody named is not in the repository, so that a package must
    /// bring it. Whether one does shows when it is installed.
    #[must_use]
    pub fn not_in_repo(&self, found: &Found) -> Option<String> {
        let folders = || VirtualEnv::at(&self.places.environment).import_folders();
        let Err(DiscoveryError::NotThere { by, named, problem }) = self.locate(found, folders)
        else {
            return None;
        };
        match *problem {
            EntryPointError::Missing { file, .. } => Some(format!(
                "{by} names {named}, and there is no {file} here: unless a package brings it, a \
                 start is refused"
            )),
            EntryPointError::Outside { .. } => None,
        }
    }
}
