//! `gear deployments`.

use cart_gear::deployments::{self, Summary};

use crate::args::StatusArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn deployments(
    arguments: &StatusArguments,
    context: &mut Context,
) -> Result<(), Failure> {
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

fn line(summary: &Summary) -> String {
    let created = summary.created.get(..19).unwrap_or(&summary.created).replace('T', " ");
    let sha = summary.sha.as_deref().and_then(|sha| sha.get(..7)).unwrap_or("-");
    let state = if summary.active { "active" } else { "" };
    format!("{:8}  {created:19}  {sha:7}  {state:6}  {}", summary.id, summary.git_ref)
}
