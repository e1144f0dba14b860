#![doc = include_str!("../README.md")]

// From the ground up: a wing imports from those above it in this list, never from one below. Each
// has its table of contents in its `mod.rs`. A test holds all that.
mod layout;

mod environment;

mod scripts;

mod gear;

mod deploy;

mod snapshot;

mod home;

mod serve;

pub use layout::paths::Layout;
pub use layout::state::State;

pub use environment::endpoint::Listen;
pub use environment::user_variables::{self, UserVariableError};

pub use scripts::output::{HookOutput, Line, Said};
pub use scripts::progress::{Caller, Interrupts, Progress, Silent};
pub use scripts::run::HookError;
pub use scripts::{answer, processes};

pub use gear::figures::Figures;
pub use gear::on_disk::GearOnDisk;
pub use gear::open::OpenError;
pub use gear::options::{Conditions, GearOptions};
pub use gear::validate::validate;

pub use deploy::deployments::{self, Deployment, Markers};
pub use deploy::error::BuildError;
pub use deploy::line::Order;
pub use deploy::push::PushedRef;
pub use deploy::receive::{PreReceive, ReceiveError};
pub use deploy::recovery::exchanged::STAGING;
pub use deploy::rollback::ActivateError;
pub use deploy::without_push::{DeployError, Elsewhere, push_command};

pub use snapshot::restore::{RestoreError, RestoredRepository};
pub use snapshot::take::SnapshotError;
pub use snapshot::{ArchiveError, UnpackError};

pub use home::create::CreateError;
pub use home::gears::{FindError, GearHome, GearHomeError, Listed};
pub use home::lifecycle::{ConfigureError, DestroyError};
pub use home::lock::{GearLock, GearLockError};
pub use home::operations::{Health, OperationError};
pub use home::record::Stage;
pub use home::throwaway::Throwaway;
pub use home::upgrade::{self, UpgradeError};
pub use home::{boot, names};

pub use serve::Ended;
pub use serve::bring_up::{App, BringUpError};
pub use serve::doctor::{Diagnosis, DoctorError, doctor};
pub use serve::follow;
pub use serve::foreground::{ServeError, ServeOptions, app_name, serve};
pub use serve::keep::{KeepError, Leftover, keep};
