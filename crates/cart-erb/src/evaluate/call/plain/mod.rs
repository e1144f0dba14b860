//! Methods of single values: numbers, strings, symbols, regular expressions.

pub(super) mod number;
pub(super) mod regexp;
pub(super) mod string;
pub(super) mod symbol;
