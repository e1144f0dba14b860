//! `gear deploy`, `gear deployments`, `gear activate` and `gear configure`.

use cart_gear::Deployment;
use cart_gear::GearOnDisk;
use cart_gear::Order;
use cart_gear::deployments::{self, Summary};

use crate::args::{
    ActivateArguments, ConfigureArguments, DeployArguments, DeploymentType, StatusArguments,
};
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::{answer, remark};

pub(crate) fn deploy(arguments: &DeployArguments, context: &mut Context) -> Result<(), Failure> {
    if let Some(directory) = arguments.from.as_ref().filter(|from| !from.is_dir()) {
        return Err(Failure::usage(format!(
            "{directory} is not a directory: name the directory that holds the app's files"
        )));
    }
    let (mut gear, _lock) = context.work_on(&arguments.gear, "deploy")?;
    let order = if arguments.stop_first { Order::StopFirst } else { Order::Beside };
    let deployment = match &arguments.from {
        Some(directory) => gear.deploy_directory(directory, order, context.terminal)?,
        None => gear.deploy_ref(arguments.commit.as_deref(), order, context.terminal)?,
    };
    context.terminal.done();
    serves(&gear, &deployment);
    Ok(())
}

pub(crate) fn activate(
    arguments: &ActivateArguments,
    context: &mut Context,
) -> Result<(), Failure> {
    let (mut gear, _lock) = context.work_on(&arguments.gear, "activate")?;
    let deployment = gear.activate(&arguments.id, context.terminal)?;
    context.terminal.done();
    serves(&gear, &deployment);
    Ok(())
}

pub(crate) fn list(arguments: &StatusArguments, context: &mut Context) -> Result<(), Failure> {
    let gear = context.look_at(&arguments.name)?;
    let summaries = deployments::summaries(gear.layout())?;
    if arguments.json {
        answer(&serde_json::to_string_pretty(&summaries)?);
    } else if summaries.is_empty() {
        remark("nothing has been deployed yet");
    } else {
        answer("ID        CREATED (UTC)        COMMIT   STATE   REF");
        summaries.iter().for_each(|summary| answer(&line(summary)));
    }
    Ok(())
}

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

fn serves(gear: &GearOnDisk, deployment: &Deployment) {
    let at = gear.visit().map_or_else(String::new, |at| format!(" at http://{at}/"));
    let metadata = deployment.metadata();
    let sha = metadata.git_sha1.as_deref().and_then(|sha| sha.get(..7));
    let code = sha.map_or_else(|| metadata.git_ref.clone(), str::to_owned);
    remark(&format!("{} serves {code} (deployment {}){at}", gear.name(), deployment.id()));
}

fn line(summary: &Summary) -> String {
    let created = summary.created.get(..19).unwrap_or(&summary.created).replace('T', " ");
    let sha = summary.sha.as_deref().and_then(|sha| sha.get(..7)).unwrap_or("-");
    let state = if summary.active { "active" } else { "" };
    format!("{:8}  {created:19}  {sha:7}  {state:6}  {}", summary.id, summary.git_ref)
}
