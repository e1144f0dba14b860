//! The assembled cartridge on real gears, with real nginx and real Python servers.
//!
//! Needs `cargo xtask dist` (`cargo xtask test` does it first), nginx, Python 3 with venv, and a
//! package index for gevent and gunicorn.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod asgi;
mod autobahn;
mod background;
mod buildpack;
mod choice;
mod coming;
mod conformance;
mod containers;
mod crashes;
mod custom;
mod desync;
mod doctor;
mod elsewhere;
mod examples;
mod faults;
mod foreground;
mod found;
mod good;
mod hold;
mod house;
mod inside;
mod life;
mod limits;
mod log_format;
mod logs;
mod lost;
mod manifest;
mod mistakes;
mod original;
mod prepared;
mod push;
mod python;
mod readme;
mod ready;
mod second_server;
mod servers;
mod serving;
mod sizing;
mod static_files;
mod swap;
mod threaddump;
mod trust;
mod update;
mod user_nginx;
mod variables;
mod whole_life;

use tests::cartridge;
