//! What commands on a gear, and commands that make one, have in common.

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

use crate::args::complete;
use crate::args::env_file::{self, EnvFile};

/// What each command has that works on one gear.
#[derive(Args, Clone, Debug)]
pub(crate) struct OnGear {
    /// The gear's name
    #[arg(value_name = "NAME", add = complete::gears())]
    pub(crate) name: String,

    /// How many seconds to wait for another command that works on this gear
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) wait: u64,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// The gear's name
    #[arg(value_name = "NAME", add = complete::gears())]
    pub(crate) name: String,

    /// Print an object
    #[arg(long)]
    pub(crate) json: bool,
}

/// The cartridge of a new gear, and what it is to be told.
#[derive(Args, Debug)]
pub(crate) struct CartridgeArguments {
    /// Short for --env OPENSHIFT_PYTHON_SERVER=NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,

    /// A variable for the app and the cartridge's scripts; may be given more than once
    #[arg(long = "env", value_name = "K=V", value_parser = variable, add = complete::settings())]
    pub(crate) env: Vec<(String, String)>,

    /// A file with a variable in each line, NAME=VALUE, without quotes, and comments that begin with
    /// #; may be given more than once. --env beats it
    #[arg(long = "env-file", value_name = "FILE", value_parser = env_file::read, value_hint = ValueHint::FilePath)]
    pub(crate) env_files: Vec<EnvFile>,

    /// The cartridge's directory [default: the only one beside this program]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cartridge: Option<Utf8PathBuf>,

    /// The version of the cartridge's software [default: the manifest's Version]
    #[arg(long, value_name = "X")]
    pub(crate) cartridge_version: Option<String>,
}

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_an_equals_sign_and_be_empty() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert!(variable("=x").is_err() && variable("A").is_err());
    }
}
