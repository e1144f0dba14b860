#![doc = include_str!("../README.md")]

// What a service is and how it is spoken of.
mod client;
mod protocol;
mod service;
mod subcommands;
mod supervisor_process;

// The supervisor itself, from the event loop down.
mod background;
mod backoff;
mod connection;
mod daemon;
mod draining;
mod ensure;
mod events;
mod failing;
mod family;
mod handed_over;
mod handover;
mod instance;
mod listener;
mod log;
mod logs;
mod memory;
mod operation;
mod probe;
mod proof;
mod record;
mod stop;
mod succession;
mod supervised;
mod supervisor;
mod takeover;
mod upkeep;

pub use client::{Client, ClientError};
pub use daemon::{main, run};
pub use probe::{Verdict, ask};
pub use protocol::{Change, Failure, ServiceState, ServiceStatus};
pub use service::{Listen, Logging, Probe, ServiceSpec, Stop, StopSignal};
pub use supervisor_process::SupervisorProcess;
