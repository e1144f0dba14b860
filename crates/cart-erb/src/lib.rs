#![doc = include_str!("../README.md")]

mod context;
mod error;
mod rendered;
mod template;

pub mod fallback;

mod fast;
mod nesting;
mod parse_limits;
mod program;
mod scan;

mod compare;
mod conversion;
mod flow;
mod limits;
mod value;

mod call;
mod eval;

mod format;
mod inspect;
mod names;
mod number;
mod pattern;
mod regex;
mod text;

pub use context::{Context, FileTest, FileTests, RealFiles};
pub use error::{ErbError, ErbErrorKind};
pub use rendered::Rendered;
pub use template::{Template, render};
