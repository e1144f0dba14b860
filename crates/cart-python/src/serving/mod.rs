//! How an app is served: the servers that can, what people set about them, and which one is chosen.
//!
//! In: the gear's variables, the Procfile, the app's interface. Out: a server, and the command that
//! starts it.

pub mod server;
pub mod settings;
