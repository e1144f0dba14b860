//! The rendered configurations in the hands of a real nginx: what it serves, what it passes on,
//! what it says of a wrong `nginx.conf.erb`, and how it lives under a supervisor.
#![expect(clippy::unwrap_used, reason = "all of this is a test, the helpers too")]

mod app;
mod bench;
mod folders;
mod http;

mod links;
mod logs;
mod serving;
mod static_files;
mod supervised;
mod trust;
mod user_config;
