#![doc = include_str!("../README.md")]

// From the ground up: a folder imports from those above it in this list, never from one below.
mod given;

mod values;

mod parse;

mod evaluate;

mod template;

pub use given::context::{Context, FileTest, FileTests, RealFiles};
pub use given::error::{ErbError, ErbErrorKind};
pub use given::fallback;
pub use given::rendered::Rendered;
pub use template::{Template, render};
