//! Who listens where.

pub mod listening;
pub mod unix_sockets;
