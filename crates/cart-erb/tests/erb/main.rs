//! cart-erb beside a real `erb`: the same templates, the same environment, the same bytes.
//!
//! These tests need Ruby's `erb` (Debian: `apt-get install ruby`) and fail without it. What they
//! compare against is also written down, in `tests/expressions`, so that most is checked without.

mod delegation;
mod expressions;
mod support;
mod templates;
