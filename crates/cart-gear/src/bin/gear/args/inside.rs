//! Commands on what is in a gear.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueHint};

use crate::args::complete;
use crate::args::shared::{OnGear, StatusArguments, variable};

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Set variables; a restart puts them into effect
    Set {
        #[command(flatten)]
        gear: OnGear,
        /// The variables
        #[arg(value_name = "K=V", required = true, value_parser = variable, add = complete::settings())]
        variables: Vec<(String, String)>,
    },
    /// Unset variables; a restart puts it into effect
    Unset {
        #[command(flatten)]
        gear: OnGear,
        /// Their names
        #[arg(value_name = "K", required = true, add = complete::names())]
        names: Vec<String>,
    },
    /// List the variables that are set
    List(StatusArguments),
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The gear's name
    #[arg(value_name = "NAME", add = complete::gears())]
    pub(crate) name: String,

    /// The command and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TailArguments {
    /// The gear's name
    #[arg(value_name = "NAME", add = complete::gears())]
    pub(crate) name: String,

    /// How many lines of each log, at most what its last 64 KiB hold
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 10)]
    pub(crate) lines: usize,

    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SnapshotArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The file to write, or `-` for standard output [default: standard output, or NAME.tar.gz here
    /// if that is a terminal]
    #[arg(value_name = "FILE.tar.gz", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<Utf8PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ExtractArguments {
    /// The snapshot, of a gear here or on a node; `-` is standard input
    #[arg(value_name = "FILE.tar.gz", value_hint = ValueHint::FilePath)]
    pub(crate) file: Utf8PathBuf,

    /// The directory to make: one that is not there, or that is empty
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: Utf8PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The snapshot, of this or another gear, or of a gear on a node; `-` is standard input
    #[arg(value_name = "FILE.tar.gz", value_hint = ValueHint::FilePath)]
    pub(crate) file: Utf8PathBuf,

    /// Leave the gear's git repository as it is
    #[arg(long)]
    pub(crate) no_git: bool,
}
