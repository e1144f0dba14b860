//! Ruby's values, what they can be asked without calling a method, and what it may all cost.

pub(crate) mod compare;
pub(crate) mod conversion;
pub(crate) mod flow;
pub(crate) mod inspect;
pub(crate) mod limits;
pub(crate) mod number;
pub(crate) mod pattern;
pub(crate) mod regex;
pub(crate) mod text;
pub(crate) mod value;
