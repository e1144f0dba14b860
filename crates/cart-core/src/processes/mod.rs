//! Commands, how they are run, and the processes that there are.

pub mod command;
pub mod inherited;
pub mod lock;
pub mod process;
pub mod programs;
pub mod run;
pub mod wait;
