//! The packages that an app asks for, as its requirements file, its lock or its project says.
//!
//! In: files of the repository. Out: requirements that an installer takes, with where each stands.

pub(crate) mod spelling;

pub(crate) mod requirements;

pub(crate) mod locks;
pub mod project;
