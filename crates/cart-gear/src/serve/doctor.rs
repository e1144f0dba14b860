//! What a cartridge says of an app before anything of it is built: its `control doctor`.

use crate::layout::error::GearError;
use crate::serve::asked::ask;
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
    let answer = ask(options, ACTION, argument)?;
    if answer.results.is_empty() {
        return Err(match answer.refused {
            Some(refused) => GearError::failed(refused),
            None => GearError::failed(format!(
                "the cartridge {} says nothing to `control {ACTION}`: it has no doctor. \
                 `gear serve` shows what becomes of the app",
                answer.cartridge
            )),
        });
    }
    Ok(Diagnosis { findings: answer.results, refused: answer.refused })
}
