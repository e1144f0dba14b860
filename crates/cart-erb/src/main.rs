//! `cart-erb FILE`: renders a template with the process's environment, as `erb FILE` does.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    let options = cli::Options::parse();
    #[expect(clippy::disallowed_methods, reason = "the door of this program: read once, passed on")]
    let env = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
    cli::run(&options, env.collect(), &mut io::stdin(), &mut io::stdout(), &mut io::stderr())
}
