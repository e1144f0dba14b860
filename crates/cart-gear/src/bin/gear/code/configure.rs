//! `gear configure`.

use crate::args::{ConfigureArguments, DeploymentType};
use crate::shared::context::Context;
use crate::shared::failure::Failure;

pub(crate) fn configure(
    arguments: &ConfigureArguments,
    context: &mut Context,
) -> Result<(), Failure> {
    let (gear, _lock) = context.work_on(&arguments.gear, "configure")?;
    if let Some(count) = arguments.keep_deployments {
        gear.keep_deployments(count)?;
    }
    if let Some(branch) = &arguments.deployment_branch {
        gear.set_deployment_branch(branch)?;
    }
    if let Some(auto) = arguments.auto_deploy {
        gear.set_auto_deploy(auto)?;
    }
    if let Some(kind) = arguments.deployment_type {
        gear.set_deployed_by_git(kind == DeploymentType::Git)?;
    }
    Ok(())
}
