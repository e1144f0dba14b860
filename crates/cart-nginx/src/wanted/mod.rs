//! What is asked for: the site, its folders, what variables say of it.

pub(crate) mod folder;
pub mod forwarded;
pub mod network;
pub(crate) mod settings;
pub(crate) mod site;
