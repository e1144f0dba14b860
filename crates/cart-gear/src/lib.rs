#![doc = include_str!("../README.md")]

// In reading order: where things are, what a script is given, how it is run, what a gear's life is.
pub mod identity;
pub mod layout;
pub mod state;

pub mod endpoint;
pub mod environ;
pub mod gear_variables;
pub mod user_variables;

pub mod output;
pub mod progress;
pub mod scripts;

pub mod git;
pub mod repository;

pub mod action_hooks;
pub mod installed;
pub mod managed;
pub mod template;
pub mod templates;

pub mod activate;
pub mod build;
pub mod deploy;
pub mod deployment;
pub mod deployments;
pub mod figures;
mod fingerprint;
pub mod gear;
pub mod lifecycle;
pub mod metadata;
pub mod open;
pub mod operations;
pub mod options;
pub mod pending;
pub mod processes;
pub mod push;
pub mod receive;
mod replaced_code;
pub mod session;
pub mod throwaway;
mod unfinished;

pub(crate) mod added_endpoints;
pub mod archive;
pub mod boot;
mod exchanged;
pub mod exclusions;
pub mod overlay;
pub mod restore;
pub mod restored_deployment;
pub mod snapshot;
pub mod snapshot_names;
pub mod systemd;
pub mod transforms;
pub mod unit;
pub mod unpack;
pub mod upgrade;

pub mod create;
pub mod gear_home;
pub mod gear_lock;
pub mod keep;
mod left_over;
pub mod names;
pub mod record;

pub mod answer;
pub mod bring_up;
pub mod doctor;
pub mod follow;
pub mod serve;
mod watchman;

pub mod validate;

pub use bring_up::{App, BringUpError};
pub use doctor::{Diagnosis, DoctorError, doctor};
pub use figures::Figures;
pub use gear::GearOnDisk;
pub use gear_home::GearHome;
pub use gear_lock::GearLock;
pub use keep::{KeepError, keep};
pub use layout::Layout;
pub use options::{Conditions, GearOptions};
pub use output::{HookOutput, Line, Said};
pub use progress::{Interrupts, Progress, Silent};
pub use scripts::HookError;
pub use serve::{ServeError, ServeOptions, serve};
pub use throwaway::Throwaway;
pub use validate::validate;
pub use watchman::Ended;
