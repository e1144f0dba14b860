//! The program, beside what it delegates to, and templates that want too much.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its files fails by that")]

mod delegation;
mod hostile;
mod large;
mod support;
