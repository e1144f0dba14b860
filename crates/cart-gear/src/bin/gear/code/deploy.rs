//! `gear deploy` and `gear activate`.

use cart_gear::{Deployment, GearOnDisk, Order};

use crate::args::{ActivateArguments, DeployArguments};
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

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
    tell_serves(&gear, &deployment);
    Ok(())
}

pub(crate) fn activate(
    arguments: &ActivateArguments,
    context: &mut Context,
) -> Result<(), Failure> {
    let (mut gear, _lock) = context.work_on(&arguments.gear, "activate")?;
    let deployment = gear.activate(&arguments.id, context.terminal)?;
    context.terminal.done();
    tell_serves(&gear, &deployment);
    Ok(())
}

/// Says what serves now, and where.
fn tell_serves(gear: &GearOnDisk, deployment: &Deployment) {
    let at = gear.visit().map_or_else(String::new, |at| format!(" at http://{at}/"));
    let metadata = deployment.metadata();
    let sha = metadata.git_sha1.as_deref().and_then(|sha| sha.get(..7));
    let code = sha.map_or_else(|| metadata.git_ref.clone(), str::to_owned);
    remark(&format!("{} serves {code} (deployment {}){at}", gear.name(), deployment.id()));
}
