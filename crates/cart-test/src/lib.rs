#![doc = include_str!("../README.md")]

mod client;
mod gear;
mod load;
mod program;

pub use client::{Answer, WebSocket, get, own_ip, post, raw, try_get};
pub use gear::{Outcome, TestGear};
pub use load::{CLIENTS, Load, Loss, OpenSocket, Rate, SocketReport, Tally};
pub use program::fake_program;
