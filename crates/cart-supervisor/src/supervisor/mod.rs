//! The supervisor: its state, and a file for each thing that it does with it.
//!
//! In: requests, signals, the ends of processes, what a former supervisor left. Out: answers, a record,
//! lines in a log. Only the process itself ([`daemon`](crate::daemon)) is above it.

pub(crate) mod operation;
mod readiness;
pub(crate) mod state;

mod event_loop;

mod background;
mod ensure;
mod proof;
mod stop;
mod upkeep;

pub(crate) mod handover;
pub(crate) mod takeover;
