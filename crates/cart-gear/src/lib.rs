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

pub use layout::error::{GearError, Kind};
pub use layout::output::{HookOutput, Line, Said};
pub use layout::paths::Layout;
pub use layout::state::State;

pub use environment::endpoint::Listen;
pub use environment::user_variables;

pub use scripts::progress::{Caller, Interrupts, Progress, Silent};
pub use scripts::{answer, processes};

pub use gear::figures::Figures;
pub use gear::on_disk::GearOnDisk;
pub use gear::options::{Conditions, GearOptions};
pub use gear::validate::validate;

pub use deploy::deployments::{self, Deployment, Markers};
pub use deploy::line::Order;
pub use deploy::pushed::PushedRef;
pub use deploy::receive::PreReceive;
pub use deploy::recovery::exchanged::STAGING;
pub use deploy::without_push::{Elsewhere, push_command};

pub use snapshot::extract::{Extracted, extract};
pub use snapshot::restore::RestoredRepository;

pub use home::gears::{GearHome, Listed};
pub use home::lock::GearLock;
pub use home::operations::Health;
pub use home::record::Stage;
pub use home::throwaway::Throwaway;
pub use home::upgrade;
pub use home::{boot, names};

pub use serve::bring_up::App;
pub use serve::doctor::{Diagnosis, doctor};
pub use serve::follow;
pub use serve::foreground::{ServeOptions, app_name, serve};
pub use serve::image::{Base, Contents, Image, ImageOptions, Output, Part, ask_base, image};
pub use serve::keep::keep;
pub use serve::kubernetes;
pub use serve::prepared::make::prepare;
pub use serve::prepared::record::{Package, Prepared};
