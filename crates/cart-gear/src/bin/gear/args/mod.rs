//! The command line of `gear`.

mod app;
mod code;
mod complete;
mod env_file;
mod gears;
mod inside;
mod manifest;
mod shared;

use clap::{Parser, Subcommand};

pub(crate) use app::{
    AppArguments, DoctorArguments, GenerateArguments, ImageArguments, PrepareArguments,
    ServeArguments, ValidateArguments, VariablesArguments,
};
pub(crate) use code::{
    ActivateArguments, ConfigureArguments, DeployArguments, DeploymentType, HookArguments,
};
pub(crate) use gears::{
    BootArguments, CreateArguments, DestroyArguments, ListArguments, TopArguments, UpgradeArguments,
};
pub(crate) use inside::{
    EnvCommand, ExtractArguments, RestoreArguments, RunArguments, SnapshotArguments, TailArguments,
};
pub(crate) use manifest::ManifestArguments;
pub(crate) use shared::{CartridgeArguments, OnGear, StatusArguments};

/// OpenShift v2 gears on this machine: any cartridge, any app, no node.
#[derive(Debug, Parser)]
#[command(name = "gear", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the app in a directory until Ctrl-C, from a gear that is thrown away afterwards
    Serve(ServeArguments),
    /// Build the app in a directory into another one, to be served from there with `serve
    /// --prepared`, in a container for example
    Prepare(PrepareArguments),
    /// Make an image of the app in a directory, for podman, Docker or Kubernetes; by buildah, without
    /// a daemon
    Image(ImageArguments),
    /// Tell what `serve` would decide for the app in a directory, and all that it would refuse;
    /// nothing is built or started
    Doctor(DoctorArguments),
    /// Print what tells Kubernetes or OpenShift to run an image of the app in a directory; nothing is
    /// built or started
    Manifest(Box<ManifestArguments>),
    /// Check a cartridge: what a node would refuse in it, with file and line
    Validate(ValidateArguments),
    /// Tell which variables a cartridge has, what each is for and what it may be
    Variables(VariablesArguments),
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
    /// Take code, data and variables out of a snapshot into a directory, for a place without gears
    Extract(ExtractArguments),
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
    /// Write man pages and shell completions below a directory, for packages
    #[command(hide = true)]
    Generate(GenerateArguments),
    /// Left behind by the hook of a gear's repository
    #[command(hide = true)]
    SettlePush(HookArguments),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
