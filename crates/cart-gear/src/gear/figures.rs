//! What a cartridge's `bin/metrics` tells, asked as a node asks it (node-contract.md, Logs, watchman,
//! metrics).

use std::collections::BTreeMap;
use std::time::Duration;

use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv};
use serde::Serialize;
use serde_json::Number;

use crate::environment::sources::SYSTEM_PATH;
use crate::gear::on_disk::GearOnDisk;
use crate::scripts::run::is_executable;

/// How long the script may take. A node waits for one second; people see why there is nothing.
const LIMIT: Duration = Duration::from_secs(5);

/// Figures by their names. What a cartridge calls them is its own affair; the names that `gear top`
/// shows are in docs/authors.md.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<String, Number>);

impl Figures {
    /// The lines `NAME=NUMBER` of a script's output; a node passes others on, too, but they are no
    /// figures.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        let figure = |line: &str| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim();
            let named = !name.is_empty() && !name.contains(char::is_whitespace);
            Some((name.to_owned(), value.trim().parse().ok().filter(|_| named)?))
        };
        Self(output.lines().filter_map(figure).collect())
    }

    /// The figure of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// The figure of this name, or those that services have under it: `SERVICE.name`.
    pub fn of_services(&self, name: &str) -> impl Iterator<Item = f64> {
        let own = self.get(name);
        let of_service =
            move |key: &str| key.rsplit_once('.').is_some_and(|(_, last)| last == name);
        let all = self.0.iter().filter(move |(key, _)| own.is_none() && of_service(key));
        own.into_iter().chain(all.filter_map(|(_, value)| value.as_f64()))
    }
}

impl GearOnDisk {
    /// Asks the cartridge for its figures; none when its manifest has no `Metrics`, or there is no
    /// script to ask.
    ///
    /// # Errors
    /// [`RunError`] when the script fails, or takes longer than five seconds.
    pub fn figures(&self) -> Result<Figures, RunError> {
        let Some(cartridge) = self.cartridge().filter(|cartridge| cartridge.manifest.metrics)
        else {
            return Ok(Figures::default());
        };
        let script = cartridge.script("metrics");
        if !is_executable(&script) {
            return Ok(Figures::default());
        }
        // Nothing of the gear's: its place is all that a script on a node has.
        let env = GearEnv::new().with("PATH", SYSTEM_PATH);
        let command = CommandSpec::new(script, &env).dir(&cartridge.directory);
        Ok(Figures::parse(&run::checked(&command, LIMIT)?.stdout_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_names_are_figures_and_nothing_else_is() {
        let figures = Figures::parse("up=1\nlatency.p50 = 0.25\nstate=fine\n=3\na b=4\nx\n");
        assert_eq!(serde_json::to_string(&figures).unwrap(), r#"{"latency.p50":0.25,"up":1}"#);
    }

    #[test]
    fn what_services_have_counts_unless_there_is_one_for_all() {
        let figures = Figures::parse("a.memory=1\nb.memory=2\nmemory.c=4\nbusy=5\na.busy=9\n");
        assert_eq!(figures.of_services("memory").sum::<f64>(), 3.0);
        assert_eq!(figures.of_services("busy").collect::<Vec<_>>(), [5.0]);
        assert_eq!(figures.of_services("queued").next(), None);
    }
}
