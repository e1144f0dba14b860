//! Commands about the code on a gear, and the hooks of its repository.

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

use crate::args::shared::OnGear;

#[derive(Args, Debug)]
pub(crate) struct DeployArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// A branch, a tag, a hash [default: the branch that is deployed]
    #[arg(value_name = "REF")]
    pub(crate) commit: Option<String>,

    /// Commit what is in this directory to the branch that is deployed, and deploy that
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "commit")]
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
