//! From facts to text: the configuration, with what the user wrote of it.

pub mod health;
pub(crate) mod model;
pub(crate) mod upstream;
pub(crate) mod user_config;
