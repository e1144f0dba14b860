#![doc = include_str!("../README.md")]

// In reading order: where things are, what a script is given, how it is run, what a gear's life is.
pub mod identity;
pub mod layout;
pub mod state;
pub mod tree;

pub mod endpoint;
pub mod environ;
pub mod gear_variables;
pub mod user_variables;

pub mod output;
pub mod progress;
pub mod scripts;

pub mod action_hooks;
pub mod installed;
pub mod managed;
pub mod templates;

pub mod deployment;
pub mod gear;
pub mod lifecycle;
pub mod processes;

pub mod answer;
pub mod follow;
pub mod serve;

pub mod validate;

pub use gear::{GearOnDisk, GearOptions};
pub use layout::Layout;
pub use output::{HookOutput, Line, Said};
pub use progress::{Interrupts, Progress, Silent};
pub use scripts::HookError;
pub use serve::{ServeError, ServeOptions, serve};
pub use validate::validate;
