//! Everything that can go wrong in a hook of this cartridge, and the exit code that tells it.

use camino::Utf8PathBuf;
use cart_core::SettingError;
use cart_core::env::EnvError;
use cart_core::exit_code::{BUSY, CONFIGURATION, FAILED, NOT_RUNNING};
use cart_core::files::FileError;
use cart_core::lock::LockError;
use cart_core::run::RunError;
use cart_nginx::{BinaryError, ConfigError, ServiceError, SiteError};
use cart_python::PythonError;
use cart_python::collected::CollectError;
use cart_python::dependencies::DependencyError;
use cart_python::discovery::DiscoveryError;
use cart_python::interpreter::InterpreterError;
use cart_python::procfile::Process;
use cart_python::python_wish::PythonWishError;
use cart_supervisor::{ClientError, Failure};

/// An error of a hook. What a person is told of it is in [`messages`](crate::messages).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable that people set is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A variable of the node is missing or wrong.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The app, its environment or its interpreter.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The static files of its project.
    #[error(transparent)]
    Static(#[from] CollectError),
    /// The `release:` line of its Procfile.
    #[error("the release failed: {error}")]
    Release {
        /// The line.
        line: Process,
        /// The last that it printed.
        last: Option<String>,
        /// How it ended.
        error: Box<RunError>,
    },
    /// No nginx that will do.
    #[error(transparent)]
    NginxBinary(#[from] BinaryError),
    /// The gear does not say where to listen.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// nginx's configuration, ours or the user's.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// nginx did not reload.
    #[error(transparent)]
    Reload(#[from] ServiceError),
    /// The Python server did not prove itself.
    #[error("{server} did not come up: {failure}")]
    AppServer {
        /// Its name.
        server: String,
        /// Why.
        failure: Failure,
        /// Whether it is the second one.
        is_second: bool,
        /// Where it logs.
        log: Utf8PathBuf,
        /// What ran before it.
        before: Before,
    },
    /// nginx did not prove itself.
    #[error("nginx did not come up: {failure}")]
    NginxService {
        /// Why.
        failure: Failure,
    },
    /// What is wanted did not come up; the last good generation was started instead and serves.
    #[error("{error}; the last good generation of {date} serves")]
    LastGoodServes {
        /// Why what is wanted did not come up.
        error: Box<Self>,
        /// The server that serves.
        server: String,
        /// When it proved itself.
        date: String,
        /// Whether it runs on a copy of its code.
        has_code: bool,
    },
    /// Neither what is wanted nor the last good generation came up.
    #[error("{error}; the last good generation of {date} did not come up either: {also}")]
    LastGoodFailed {
        /// Why what is wanted did not come up.
        error: Box<Self>,
        /// The server of the last good generation.
        server: String,
        /// When it had proved itself.
        date: String,
        /// Why it did not come up now.
        also: Box<Self>,
    },
    /// Everything runs, and nobody gets an answer through nginx.
    #[error("{text}")]
    NotReached {
        /// What was asked and what came of it.
        text: String,
    },
    /// The doctor found what a start would refuse, and has told it.
    #[error("A start would be refused: {count} of the findings above")]
    Refused {
        /// How many.
        count: usize,
    },
    /// The supervisor cannot be reached or started.
    #[error(transparent)]
    Supervisor(#[from] ClientError),
    /// What an action is about does not run.
    #[error("{reason}")]
    NotRunning {
        /// What is the matter.
        reason: String,
    },
    /// Another hook is at it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// A file of the cartridge's.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What ran before a server that did not come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Another one, which still serves.
    Serves,
    /// Another one, which has crashed.
    Fails,
    /// None.
    Nothing,
}

impl Error {
    /// The hook's exit code: [`CONFIGURATION`] for what a person wrote, [`NOT_RUNNING`] and [`BUSY`]
    /// for what they say, [`FAILED`] for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // As an app whose import fails for any other reason.
            Self::Python(PythonError::Discovery(DiscoveryError::Syntax { .. })) => FAILED,
            Self::LastGoodServes { error, .. } | Self::LastGoodFailed { error, .. } => {
                error.exit_code()
            }
            Self::Setting(_)
            | Self::Env(_)
            | Self::Site(_)
            | Self::Refused { .. }
            | Self::Config(ConfigError::User(_) | ConfigError::Test(_) | ConfigError::Model(_))
            | Self::Python(
                PythonError::Setting(_)
                | PythonError::Discovery(_)
                | PythonError::CannotRun(_)
                | PythonError::Inputs(_)
                | PythonError::Interpreter(InterpreterError::UnknownVersion { .. })
                | PythonError::Python(
                    PythonWishError::NotServed { .. } | PythonWishError::NotThere { .. },
                )
                | PythonError::Dependencies(DependencyError::Python(PythonWishError::NotThere {
                    ..
                })),
            ) => CONFIGURATION,
            Self::NotRunning { .. } => NOT_RUNNING,
            Self::Locked(LockError::Held { .. }) => BUSY,
            _ => FAILED,
        }
    }
}
