//! What a configuration is written in: names of its files, quoted values, statements.

pub mod layout;
pub(crate) mod quoted;
pub(crate) mod statement;
pub(crate) mod unfit;
