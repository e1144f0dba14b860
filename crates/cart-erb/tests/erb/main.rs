//! cart-erb beside a real `erb`: the same templates, the same environment, the same bytes.
//!
//! These tests need Ruby's `erb` (Debian: `apt-get install ruby`) and fail without it. What they
//! compare against is also written down, in `tests/expressions`, so that most is checked without.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its files fails by that")]

mod delegation;
mod expressions;
mod hostile;
mod large;
mod support;
mod templates;
