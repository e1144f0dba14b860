//! The environment that an app runs in: its Python, its packages, and how they come there.
//!
//! In: which Python is wished for, and requirements. Out: a virtual environment, put in place at once.

pub mod interpreter;
pub mod python_wish;
pub mod stamp;
pub mod virtualenv;

pub(crate) mod installer;

pub mod locale;
