//! The command line of `gear`.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

/// OpenShift v2 gears on this machine: any cartridge, any app, no node.
#[derive(Debug, Parser)]
#[command(name = "gear", version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the app in a directory until Ctrl-C, from a gear that is thrown away afterwards
    Serve(ServeArguments),
    /// Check a cartridge: what a node would refuse in it, with file and line
    Validate(ValidateArguments),
}

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// The directory that holds the app; it is copied, never written to
    #[arg(value_name = "APP_DIR")]
    pub(crate) app_dir: Utf8PathBuf,

    /// Short for --env OPENSHIFT_PYTHON_SERVER=NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,

    /// Where to listen; port 0 is a free one [default: 127.0.0.1 and the cartridge's port, or the
    /// next free one]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// A variable for the app and the cartridge's scripts; may be given more than once
    #[arg(long = "env", value_name = "K=V", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// The cartridge's directory [default: the only one in ../dist/ beside this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) cartridge: Option<Utf8PathBuf>,

    /// The version of the cartridge's software [default: the manifest's Version]
    #[arg(long, value_name = "X")]
    pub(crate) cartridge_version: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ValidateArguments {
    /// The cartridge's directory, as it is delivered
    #[arg(value_name = "CARTRIDGE_DIR")]
    pub(crate) cartridge: Utf8PathBuf,

    /// Print a list of objects with file, line, level and message
    #[arg(long)]
    pub(crate) json: bool,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_be_empty() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert!(variable("=x").is_err() && variable("A").is_err());
    }
}
