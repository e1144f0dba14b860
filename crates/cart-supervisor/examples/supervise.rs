//! The whole `main` of a program that supervises, without a cartridge around it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    cart_supervisor::run(&words).unwrap_or(ExitCode::from(cart_core::exit_code::USAGE))
}
