//! Commands about the code on a gear, and the hooks of its repository.

pub(crate) mod configure;
pub(crate) mod deploy;
pub(crate) mod deployments;
pub(crate) mod receive;
