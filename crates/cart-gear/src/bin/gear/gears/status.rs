//! `gear status`: one gear and what its cartridge says, in words or as JSON.

use cart_gear::{Figures, Health, Stage};
use serde::Serialize;

use crate::args::StatusArguments;
use crate::gears::operate::{OnlyNotices, lines};
use crate::gears::summary::{Summary, cartridges, left_over, summary};
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// As [`Summary`], with what the cartridge said and told.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(flatten)]
    summary: Summary,
    healthy: bool,
    said: Vec<String>,
    /// What its `bin/metrics` tells.
    metrics: Figures,
}

pub(crate) fn status(arguments: &StatusArguments, context: &mut Context) -> Result<(), Failure> {
    let gears = context.gears()?;
    let listed = gears.find(&arguments.name)?;
    let summary = summary(&gears, &listed);
    let mut metrics = Figures::default();
    let health = match listed.record.stage {
        Stage::Kept => {
            context.listen_to_signals()?;
            let gear = context.look_at(&arguments.name)?;
            if arguments.json {
                let asked = gear.figures();
                metrics = asked.unwrap_or_else(|error| {
                    remark(&error.to_string());
                    Figures::default()
                });
            }
            Some(gear.health(&mut OnlyNotices(context))?)
        }
        Stage::Creating | Stage::Destroying => None,
    };
    let said = |health: &Health| lines(&health.said).map(str::to_owned).collect();
    let status = Status {
        summary,
        healthy: health.as_ref().is_some_and(|health| health.healthy),
        said: health.as_ref().map_or_else(Vec::new, said),
        metrics,
    };
    if arguments.json {
        answer(&serde_json::to_string_pretty(&status)?);
    } else {
        in_words(&status);
    }
    Ok(())
}

fn in_words(status: &Status) {
    let summary = &status.summary;
    let at = summary.url.as_ref().map_or_else(String::new, |url| format!(", {url}"));
    answer(&format!("{} is {}{at}{}", summary.name, summary.state, cartridges(summary, ", ")));
    if let Some(busy) = &summary.busy {
        answer(&format!("{busy} works on it"));
    }
    status.said.iter().for_each(|line| answer(line));
    if summary.state == "unfinished" {
        answer(&format!("`gear destroy {}` removes what is left of it", summary.name));
    } else if summary.state == "started" && !status.healthy {
        answer("It is not well");
    }
    left_over(summary).iter().for_each(|line| answer(line));
}
