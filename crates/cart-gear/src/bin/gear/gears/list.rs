//! `gear list`: what there is, as a table or as JSON.

use crate::args::ListArguments;
use crate::gears::summary::{Summary, cartridges, left_over, summary};
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, in_columns, remark};

pub(crate) fn list(arguments: &ListArguments, context: &mut Context) -> Result<(), Failure> {
    let gears = context.gears()?;
    let found = gears.list()?;
    found.unreadable.iter().for_each(|(_, error)| remark(&error.to_string()));
    let summaries: Vec<Summary> = found.gears.iter().map(|gear| summary(&gears, gear)).collect();
    if arguments.json {
        answer(&serde_json::to_string_pretty(&summaries)?);
    } else if summaries.is_empty() {
        remark(&format!("there is no gear in {}: `gear create NAME` makes one", gears.directory()));
    } else {
        table(&summaries).iter().for_each(|line| answer(line));
    }
    for path in &found.left_over {
        remark(&format!(
            "{path} is left of an earlier gear: look why it cannot be removed, and do it"
        ));
    }
    summaries.iter().for_each(|gear| left_over(gear).iter().for_each(|line| remark(line)));
    Ok(())
}

fn table(summaries: &[Summary]) -> Vec<String> {
    let row = |gear: &Summary| {
        let url = gear.url.clone().unwrap_or_else(|| "-".to_owned());
        [gear.name.clone(), gear.state.clone(), url, cartridges(gear, "")]
    };
    in_columns(["NAME", "STATE", "URL", "CARTRIDGE"], summaries.iter().map(row))
}
