//! What the app's repository says: where the app is, what is to be installed, and what is to run.
//!
//! In: a repository. Out: the app's callable, its inputs, the lines of its Procfile. Nothing of the app
//! is run or imported.

pub mod discovery;
pub mod inputs;

pub mod background;
pub mod procfile;
