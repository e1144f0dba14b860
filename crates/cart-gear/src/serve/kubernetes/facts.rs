//! What a cartridge says of an app in a container: its `control container`, one result, an object.
//! docs/authors.md has what is in it.

use serde::Deserialize;

use crate::layout::error::GearError;
use crate::serve::asked::ask;
use crate::serve::foreground::ServeOptions;

/// The action of control that is asked.
const ACTION: &str = "container";

/// Seconds for a start, and for an end, where the cartridge says nothing.
const USUAL: u64 = 30;

/// What is known of an app that runs in a container.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Facts {
    /// The path that answers with 200 as long as what is in front of the app lives.
    pub live: String,
    /// The path that answers with 200 while the app can be asked.
    pub ready: String,
    /// The path of its figures for Prometheus, if there is one.
    pub metrics: Option<String>,
    /// How many seconds a start may take.
    pub start_seconds: u64,
    /// How many seconds it may take from the signal to the last answer.
    pub end_seconds: u64,
    /// What each start of a new release runs first, if anything.
    pub release: Option<String>,
}

/// What a cartridge answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub cartridge: String,
    /// None when it does not know the question.
    pub facts: Option<Facts>,
}

impl Told {
    pub(super) fn start_seconds(&self) -> u64 {
        self.facts.as_ref().map_or(USUAL, |facts| facts.start_seconds)
    }

    pub(super) fn end_seconds(&self) -> u64 {
        self.facts.as_ref().map_or(USUAL, |facts| facts.end_seconds)
    }

    pub(super) fn metrics(&self) -> Option<&str> {
        self.facts.as_ref().and_then(|facts| facts.metrics.as_deref())
    }

    /// What a figure of the cartridge is called in Prometheus.
    pub(super) fn figure(&self, name: &str) -> String {
        format!("{}_{name}", self.cartridge.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
    }
}

/// Asks the cartridge about the app. The app's hooks do not run.
///
/// # Errors
/// [`GearError`] in the cartridge's words where it refuses something, or saying what is wrong with its
/// answer; nothing is left behind.
pub fn facts(options: ServeOptions) -> Result<Told, GearError> {
    let answer = ask(options, ACTION, None)?;
    if let Some(refused) = answer.refused {
        return Err(GearError::failed(refused));
    }
    let cartridge = answer.cartridge;
    let text = answer.results.join("\n");
    let facts = match text.is_empty() {
        true => None,
        false => Some(read(&text).map_err(|why| {
            GearError::failed(format!(
                "what the cartridge {cartridge} says to `control {ACTION}` cannot be used: {why}"
            ))
        })?),
    };
    Ok(Told { cartridge, facts })
}

fn read(text: &str) -> Result<Facts, String> {
    let facts: Facts = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for path in [&facts.live, &facts.ready].into_iter().chain(&facts.metrics) {
        if !path.starts_with('/') {
            return Err(format!("{path:?} is no path, which begins with a slash"));
        }
    }
    Ok(facts)
}
