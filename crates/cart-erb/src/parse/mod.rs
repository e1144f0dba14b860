//! From a template's text to a tree of Ruby's grammar: tags, the program that they make, and how large
//! and how deep that may be before a parser sees it.

pub(crate) mod nesting;
pub(crate) mod parse_limits;
pub(crate) mod program;
pub(crate) mod scan;
