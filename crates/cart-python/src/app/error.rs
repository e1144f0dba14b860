//! What keeps an app from being served: whatever one of the parts says.

use cart_core::SettingError;
use cart_core::files::FileError;

use super::dependencies::DependencyError;
use crate::environment::interpreter::InterpreterError;
use crate::environment::python_wish::PythonWishError;
use crate::environment::virtualenv::pack::PackError;
use crate::repository::discovery::DiscoveryError;
use crate::repository::inputs::InputsError;
use crate::serving::server::choice::CannotRun;

/// What keeps an app from being served.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// A variable whose value is not allowed.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An unknown software version.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// The app asks for a Python that it cannot have, or none was found.
    #[error(transparent)]
    Python(#[from] PythonWishError),
    /// The app cannot be found.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The server that was chosen cannot run it.
    #[error(transparent)]
    CannotRun(#[from] CannotRun),
    /// The app's wishes cannot be read.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// Its environment could not be made as it wishes.
    #[error(transparent)]
    Dependencies(#[from] DependencyError),
    /// What will be read-only could not be compiled.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The launchers could not be written, or the Procfile not be read.
    #[error(transparent)]
    File(#[from] FileError),
}
