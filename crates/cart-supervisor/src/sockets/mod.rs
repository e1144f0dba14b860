//! Sockets, and waiting for what happens on them: those that are held for services, the questions asked
//! there, the connections of hooks.
//!
//! In: addresses, paths, probes. Out: descriptors, requests, verdicts.

pub(crate) mod events;

pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod probe;
