//! The command line of `gear`.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use crate::boot::BootArguments;
use crate::snapshots::{RestoreArguments, SnapshotArguments};
use crate::upgrade::UpgradeArguments;

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
    /// Tell what `serve` would decide for the app in a directory, and all that it would refuse;
    /// nothing is built or started
    Doctor(DoctorArguments),
    /// Check a cartridge: what a node would refuse in it, with file and line
    Validate(ValidateArguments),
    /// Make a gear that stays, and start an app on it
    Create(CreateArguments),
    /// List the gears
    List(ListArguments),
    /// Tell what a gear is doing, and how its cartridge finds the app
    Status(StatusArguments),
    /// Show all gears at a glance, live: requests, how long they take, what waits, memory
    Top(TopArguments),
    /// Start a gear
    Start(OnGear),
    /// Stop a gear; nothing but `start` or `restart` starts it again
    Stop(OnGear),
    /// Restart a gear, or start it if it is stopped
    Restart(OnGear),
    /// Have a gear's cartridge read its configuration again
    Reload(OnGear),
    /// Stop a gear, empty its directory for temporary files, let its cartridge tidy up, start it
    Tidy(OnGear),
    /// Print what the threads of a started gear's app are doing
    Threaddump(OnGear),
    /// Stop a gear until `unidle`
    Idle(OnGear),
    /// Start an idle gear, but not one that was stopped
    Unidle(OnGear),
    /// Stop a gear and remove all that belongs to it
    Destroy(DestroyArguments),
    /// Set, unset or list the variables of a gear's user
    #[command(subcommand)]
    Env(EnvCommand),
    /// Run a command in a gear's environment, in its home
    Run(RunArguments),
    /// Print the last lines of a gear's logs
    Tail(TailArguments),
    /// Write all of a gear that cannot be made anew into a .tar.gz; it is stopped meanwhile
    Snapshot(SnapshotArguments),
    /// Put data, code and repository of a snapshot on a gear, in place of its own
    Restore(RestoreArguments),
    /// Put a newer version of its cartridge on a gear
    Upgrade(UpgradeArguments),
    /// Start all gears that should run, as after a start of the machine
    Boot(BootArguments),
    /// Build and deploy a commit of a gear's repository, or a directory
    Deploy(DeployArguments),
    /// List the deployments that a gear keeps
    Deployments(StatusArguments),
    /// Put a deployment in place again that a gear keeps, without a build
    Activate(ActivateArguments),
    /// Set how a gear is deployed
    Configure(ConfigureArguments),
    /// Called by the hook of a gear's repository
    #[command(hide = true)]
    Prereceive(HookArguments),
    /// Called by the hook of a gear's repository
    #[command(hide = true)]
    Postreceive(HookArguments),
    /// Left behind by the hook of a gear's repository
    #[command(hide = true)]
    SettlePush(HookArguments),
}

/// What each command has that works on one gear.
#[derive(Args, Clone, Debug)]
pub(crate) struct OnGear {
    /// The gear's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// How many seconds to wait for another command that works on this gear
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) wait: u64,
}

#[derive(Args, Debug)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The directory that holds the app; it is copied [default: the cartridge's own template]
    #[arg(long, value_name = "APP_DIR")]
    pub(crate) from: Option<Utf8PathBuf>,

    /// A git repository that holds the app, with #BRANCH or #TAG if it is not the one that is HEAD
    /// there
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    pub(crate) git: Option<String>,

    /// How many deployments to keep, the current one included
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_deployments: u32,

    /// Where to listen, for the gear's whole life [default: an address of its own and the
    /// cartridge's port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) cartridge: CartridgeArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Print a list of objects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// The gear's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Print an object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TopArguments {
    /// Print a table and end, as is done where there is no terminal
    #[arg(long)]
    pub(crate) once: bool,

    /// How many seconds lie between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Set variables; a restart puts them into effect
    Set {
        #[command(flatten)]
        gear: OnGear,
        /// The variables
        #[arg(value_name = "K=V", required = true, value_parser = variable)]
        variables: Vec<(String, String)>,
    },
    /// Unset variables; a restart puts it into effect
    Unset {
        #[command(flatten)]
        gear: OnGear,
        /// Their names
        #[arg(value_name = "K", required = true)]
        names: Vec<String>,
    },
    /// List the variables that are set
    List(StatusArguments),
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The gear's name
    #[arg(value_name = "NAME")]
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
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// How many lines of each log, at most what its last 64 KiB hold
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 10)]
    pub(crate) lines: usize,

    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DeployArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// A branch, a tag, a hash [default: the branch that is deployed]
    #[arg(value_name = "REF")]
    pub(crate) commit: Option<String>,

    /// Commit what is in this directory to the branch that is deployed, and deploy that
    #[arg(long, value_name = "DIR", conflicts_with = "commit")]
    pub(crate) from: Option<Utf8PathBuf>,

    /// Stop the gear before the build and start it afterwards, as a node does
    #[arg(long)]
    pub(crate) stop_first: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ActivateArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The deployment's id, or the beginning of it, or `previous`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("settings").required(true).multiple(true)))]
pub(crate) struct ConfigureArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// How many deployments to keep, the current one included; the next deployment removes others
    #[arg(long, group = "settings", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_deployments: Option<u32>,

    /// The branch that is deployed when it is pushed
    #[arg(long, group = "settings", value_name = "BRANCH")]
    pub(crate) deployment_branch: Option<String>,

    /// Whether a push is deployed by itself
    #[arg(long, group = "settings", value_name = "BOOL")]
    pub(crate) auto_deploy: Option<bool>,

    /// Whether the gear takes pushes
    #[arg(long, group = "settings", value_name = "TYPE")]
    pub(crate) deployment_type: Option<DeploymentType>,
}

/// How a gear is deployed, in the node's words.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeploymentType {
    /// By pushes
    Git,
    /// By other means only
    Binary,
}

#[derive(Args, Debug)]
pub(crate) struct HookArguments {
    /// The gear's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// The directory that holds the app; it is copied, never written to
    #[arg(value_name = "APP_DIR")]
    pub(crate) app_dir: Utf8PathBuf,

    /// Where to listen; port 0 is a free one [default: 127.0.0.1 and the cartridge's port, or the
    /// next free one]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) cartridge: CartridgeArguments,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) serve: ServeArguments,

    /// Print an object in each line
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
    #[arg(long = "env", value_name = "K=V", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// The cartridge's directory [default: the only one beside this program]
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
