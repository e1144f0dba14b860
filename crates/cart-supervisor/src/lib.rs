#![doc = include_str!("../README.md")]

// From the ground up: a file imports from those above it in this list, never from one below. Each folder
// has its table of contents in its `mod.rs`.
mod protocol;

mod backoff;
mod sockets;

mod client;

mod succession;

mod logs;

mod services;

mod supervisor;

mod daemon;

pub use client::socket::{Client, ClientError};
pub use client::supervisor_process::SupervisorProcess;
pub use daemon::{main, run};
pub use protocol::messages::{Change, Failure, ServiceState, ServiceStatus};
pub use protocol::service::{Listen, Logging, Probe, ServiceSpec, Stop, StopSignal};
pub use sockets::probe::{Verdict, ask};
