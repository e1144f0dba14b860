//! What there is: this machine's nginx, what it was built with, as whom it runs and how many files it
//! may open.

pub(crate) mod binary;
pub(crate) mod build;
pub(crate) mod descriptors;
pub mod feature;
pub(crate) mod known;
pub(crate) mod run_as;
