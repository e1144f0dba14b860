//! The assembled cartridge on real gears, with real nginx and real Python servers.
//!
//! Needs `cargo xtask dist` (`cargo xtask test` does it first), nginx, Python 3 with venv, and a
//! package index for gevent and gunicorn.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashes;
mod elsewhere;
mod life;
mod lost;
mod mistakes;
mod push;
mod readme;
mod servers;
mod serving;
mod user_nginx;

use tests::cartridge;
