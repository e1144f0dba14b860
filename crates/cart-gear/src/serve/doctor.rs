//! What a cartridge says of an app before anything of it is built: its `control doctor`, on a gear
//! that is thrown away, with the app's files and without any other script.

use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::layout::output::{HookOutput, Said};
use crate::scripts::progress::Silent;
use crate::serve::foreground::ServeOptions;

/// The action of control that is asked.
const ACTION: &str = "doctor";

/// What the cartridge answered.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Line by line, with the app's directory where the gear's copy of it was named.
    pub findings: Vec<String>,
    /// Why something would be refused, as the cartridge says it; none when nothing would.
    pub refused: Option<String>,
}

/// Asks the cartridge about the app. `argument` is handed on to the action. The app's hooks do not
/// run.
///
/// # Errors
/// [`GearError`]; nothing is left behind.
pub fn doctor(options: ServeOptions, argument: Option<&str>) -> Result<Diagnosis, GearError> {
    options.app.check()?;
    let app = options.app;
    let mut gear = Throwaway::create(options.gear, &options.parent)?;
    for (name, value) in &app.variables {
        gear.set_user_variable(name, value)?;
    }
    let version = app.version.or_else(|| gear.default_version()).unwrap_or_default();
    let cartridge = gear.copy_cartridge(&version)?;
    let directory = app.directory.unwrap_or_default();
    gear.populate(&directory)?;
    let asked = gear.control_without_hooks(ACTION, argument, &mut Silent);
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
    let findings: Vec<_> = results(&output).map(as_called).collect();
    if findings.is_empty() {
        return Err(match refused {
            Some(refused) => GearError::failed(as_called(&refused)),
            None => GearError::failed(format!(
                "the cartridge {} says nothing to `control {ACTION}`: it has no doctor. \
                 `gear serve` shows what becomes of the app",
                cartridge.manifest.name
            )),
        });
    }
    Ok(Diagnosis { findings, refused: refused.as_deref().map(as_called) })
}

fn results(output: &HookOutput) -> impl Iterator<Item = &str> {
    output.lines.iter().filter(|line| line.said == Said::Result).map(|line| line.text.as_str())
}
