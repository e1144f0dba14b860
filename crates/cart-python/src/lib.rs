#![doc = include_str!("../README.md")]

// What people set, checked at the door.
pub mod mirror;
pub mod probe;
pub mod settings;
pub mod worker_class;

// What the app is and asks for.
pub mod discovery;
pub mod entry_point;
pub mod inputs;
pub mod interface;
pub mod locks;
pub mod package;
pub mod procfile;
pub mod project;
pub mod python_wish;
pub mod requirements;

// What it runs on.
pub mod collected;
pub mod dependencies;
pub mod installer;
pub mod interpreter;
pub mod locale;
pub mod stamp;
pub mod virtualenv;

// How it is served, and what runs beside that.
pub mod background;
pub mod cgroup;
pub mod memory;
pub mod server;
pub mod sizing;
pub mod stacks;
pub mod support;
pub mod websocket;

// All of it together.
pub mod app;

pub use app::{Places, Prepared, PythonApp, PythonError, ReadyServer, Served};
pub use server::{SERVERS, WsgiServer};
pub use settings::{PythonSettings, SETTINGS};

#[cfg(test)]
mod testing;
