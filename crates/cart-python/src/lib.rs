#![doc = include_str!("../README.md")]

// From the ground up: a wing imports from those above it in this list, never from one below. Each
// has its table of contents in its `mod.rs`; that of `app` is the app itself.
mod variables;

mod packages;

mod environment;

mod repository;

mod serving;

mod runtime;

pub mod app;

// What people set.
pub use serving::settings::{self, PythonSettings, SETTINGS, websocket};

// What the app is and asks for.
pub use packages::project;
pub use repository::{discovery, inputs, procfile};
pub use variables::interface;

// What it runs on.
pub use app::{collected, dependencies};
pub use environment::{interpreter, locale, python_wish, stamp, virtualenv};

// How it is served, and what runs beside that.
pub use repository::background;
pub use runtime::{memory, sizing, stacks, support};
pub use serving::server::{self, SERVERS, WsgiServer};

// All of it together.
pub use app::{Places, Prepared, PythonApp, PythonError, ReadyServer, Served};

#[cfg(test)]
mod testing;
