//! Deployments: what was built, kept beside what runs, and the code that one takes the place of.

mod deployment;
pub(crate) mod fingerprint;
mod kept;
pub(crate) mod metadata;
mod parts;
pub(crate) mod replaced_code;

pub(crate) use deployment::MARKERS;
pub use deployment::{Deployment, Markers};
pub use kept::{KEEP, Summary, all, choose, current, summaries};
pub(crate) use kept::{current_name, named, prune, remove_unfinished, to_keep};
pub(crate) use parts::{CODE, PARTS, beside};
