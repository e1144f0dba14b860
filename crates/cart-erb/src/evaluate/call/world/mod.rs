//! Methods of every object, of classes, and of what is outside: the environment, files.

pub(super) mod class;
pub(super) mod env;
pub(super) mod file;
pub(super) mod kernel;
pub(super) mod object;
