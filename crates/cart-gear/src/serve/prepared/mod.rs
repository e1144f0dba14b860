//! An app that was built before, in a directory that may be read-only when it is served: the repository
//! and the dependencies of a deployment, which lie in an image, and a gear around them, which is made
//! anew in one directory that can be written to.
//!
//! What was built names the gear's home, in first lines of scripts for instance. So the home has the same
//! path when it is built and when it is served, and nothing has to be changed then.

pub(crate) mod gear;
pub(crate) mod make;
pub(crate) mod record;
