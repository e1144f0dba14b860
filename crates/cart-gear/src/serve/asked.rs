//! What a cartridge is asked about an app before anything of it is built: one action of its `control`,
//! on a gear that is thrown away, with the app's files and without any other script.

use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::layout::output::Said;
use crate::scripts::progress::Silent;
use crate::serve::foreground::ServeOptions;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The cartridge's name.
    pub(crate) cartridge: String,
    /// Its results, line by line, with the app's directory where the gear's copy of it was named.
    pub(crate) results: Vec<String>,
    /// Its words where the action failed.
    pub(crate) refused: Option<String>,
}

/// Asks for `action`, which gets `argument`. The app's hooks do not run.
///
/// # Errors
/// [`GearError`]; nothing is left behind.
pub(crate) fn ask(
    options: ServeOptions,
    action: &str,
    argument: Option<&str>,
) -> Result<Answer, GearError> {
    options.app.check()?;
    let app = options.app;
    let mut gear = Throwaway::create(options.gear, &options.parent)?;
    let version = app.set_on(&mut gear)?;
    let cartridge = gear.copy_cartridge(&version)?.manifest.name;
    let directory = app.directory.unwrap_or_default();
    gear.populate(&directory)?;
    let asked = gear.control_without_hooks(action, argument, &mut Silent);
    let (output, refused) = match asked {
        Ok(output) => (output, None),
        Err(GearError::Failed { output, .. }) => {
            let refused = output.explanation();
            (output, Some(refused))
        }
        Err(error) => return Err(error),
    };
    let repo = gear.layout().repo();
    let real = repo.canonicalize_utf8().unwrap_or_else(|_| repo.clone());
    let as_called = |text: &str| {
        let text = text.replace(real.as_str(), directory.as_str());
        text.replace(repo.as_str(), directory.as_str())
    };
    let results = output.lines.iter().filter(|line| line.said == Said::Result);
    Ok(Answer {
        cartridge,
        results: results.map(|line| as_called(&line.text)).collect(),
        refused: refused.as_deref().map(as_called),
    })
}
