//! The app where nothing in the repository says which one it is: the files that are looked at, and which
//! of their names is meant.

pub(super) mod candidate;
pub(super) mod files;

pub(super) mod obscure;
pub(super) mod usual;
