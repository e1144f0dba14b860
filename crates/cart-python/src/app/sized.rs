//! How many workers the server of an app has, and who decided that.

use super::PythonApp;
use crate::repository::procfile;
use crate::runtime::memory::{SECOND, SeenMemory, WEB};
use crate::runtime::sizing::{self, Resources, Workers};
use crate::serving::server::choice::Chosen;
use crate::variables::names::WEB_CONCURRENCY;

impl PythonApp {
    /// Worker processes that the server will have, or `None` when it has none.
    #[must_use]
    pub fn workers(&self, chosen: &Chosen) -> Option<Workers> {
        let line = chosen.procfile.as_ref().map(|procfile| procfile.line).unwrap_or_default();
        let said = [
            (self.settings.workers, self.settings.workers_by.name.to_owned()),
            (chosen.settings.workers, format!("{}:{line}", procfile::FILE)),
            (self.settings.web_concurrency, WEB_CONCURRENCY.name.to_owned()),
        ];
        let said = said.into_iter().find_map(|(count, whose)| {
            Some(Workers { count: count?, because: Some(format!("by {whose}")) })
        });
        chosen.server.has_workers().then(|| said.unwrap_or_else(|| self.default_workers(chosen)))
    }

    fn default_workers(&self, chosen: &Chosen) -> Workers {
        // The gear's room is for the first server.
        if self.below.is_some() || !chosen.server.fills_the_gear() {
            return Workers { count: 1, because: None };
        }
        let memory = SeenMemory::read(&self.places.memory);
        let lines = self.background().unwrap_or_default().lines;
        let beside = lines.iter().map(|(line, count)| (memory.of(&line.name), *count));
        let second = self.settings.websocket.iter();
        let second = second.map(|second| (memory.of(SECOND), second.workers.unwrap_or(1)));
        let beside = sizing::beside(beside.chain(second));
        Resources::of_gear(&self.gear).default_workers(memory.of(WEB), beside)
    }
}
