//! What a cartridge says of an app before anything of it is built: its `control doctor`, on a gear
//! that is thrown away, with the app's files and without any other script.

use cart_core::files::FileError;

use crate::environment::user_variables::UserVariableError;
use crate::home::create::CreateError;
use crate::home::lifecycle::ConfigureError;
use crate::home::throwaway::Throwaway;
use crate::scripts::output::{HookOutput, Said};
use crate::scripts::progress::Silent;
use crate::scripts::run::HookError;
use crate::serve::bring_up::BringUpError;
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
/// [`DoctorError`]; nothing is left behind.
pub fn doctor(options: ServeOptions, argument: Option<&str>) -> Result<Diagnosis, DoctorError> {
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
        Err(HookError::Failed { output, .. }) => {
            let refused = output.explanation();
            (output, Some(refused))
        }
        Err(error) => return Err(error.into()),
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
            Some(refused) => DoctorError::Failed { said: as_called(&refused) },
            None => DoctorError::NoDoctor { cartridge: cartridge.manifest.name },
        });
    }
    Ok(Diagnosis { findings, refused: refused.as_deref().map(as_called) })
}

fn results(output: &HookOutput) -> impl Iterator<Item = &str> {
    output.lines.iter().filter(|line| line.said == Said::Result).map(|line| line.text.as_str())
}

/// An app that the cartridge could not be asked about.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// There is no app.
    #[error(transparent)]
    App(#[from] BringUpError),
    /// The gear could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A variable is not one.
    #[error(transparent)]
    UserVariable(#[from] UserVariableError),
    /// The cartridge could not be put on it.
    #[error(transparent)]
    Place(#[from] ConfigureError),
    /// The cartridge has no such action.
    #[error(
        "the cartridge {cartridge} says nothing to `control {ACTION}`: it has no doctor. \
         `gear serve` shows what becomes of the app"
    )]
    NoDoctor {
        /// Its name.
        cartridge: String,
    },
    /// The action failed before it found anything.
    #[error("{said}")]
    Failed {
        /// What it said.
        said: String,
    },
    /// The action could not be run to its end.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}
