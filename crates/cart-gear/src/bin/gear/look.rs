//! `gear list` and `gear status`: what there is, in words or as JSON. Nobody is kept waiting, and
//! nobody is waited for.

use camino::Utf8PathBuf;
use cart_gear::Health;
use cart_gear::Listed;
use cart_gear::STAGING;
use cart_gear::Stage;
use cart_gear::{Conditions, Figures, GearHome, GearOnDisk};
use serde::Serialize;

use crate::args::{ListArguments, StatusArguments};
use crate::context::Context;
use crate::failure::Failure;
use crate::operate::{OnlyNotices, lines};
use crate::terminal::{answer, remark};

/// A gear as `--json` tells it.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    /// The node's word, or `creating`, `destroying` while that goes on, or `unfinished` when it was
    /// killed.
    state: String,
    /// Where the app is visited, whether it runs or not; none without an endpoint.
    url: Option<String>,
    cartridges: Vec<CartridgeSummary>,
    /// Whether the gear's user stopped it.
    stop_lock: bool,
    home: String,
    /// Who works on it now.
    busy: Option<String>,
    /// What a restore left, which takes room and nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_over: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CartridgeSummary {
    name: String,
    /// Of the software.
    version: String,
    cartridge_version: String,
    /// Where it was taken from.
    source: String,
}

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

fn summary(gears: &GearHome, listed: &Listed) -> Summary {
    let busy = gears.holder(&listed.name);
    let opened = GearOnDisk::open(&listed.home, None, Conditions::default());
    let state = match (listed.record.stage, &busy, &opened) {
        (Stage::Creating, Some(_), _) => "creating".to_owned(),
        (Stage::Destroying, Some(_), _) => "destroying".to_owned(),
        (Stage::Creating | Stage::Destroying, None, _) => "unfinished".to_owned(),
        (Stage::Kept, _, Ok(gear)) => gear.state().to_string(),
        (Stage::Kept, _, Err(error)) => {
            remark(&error.to_string());
            "unknown".to_owned()
        }
    };
    let gear = opened.ok();
    let cartridge = gear.as_ref().and_then(|gear| gear.cartridge());
    Summary {
        name: listed.name.clone(),
        state,
        url: gear.as_ref().and_then(GearOnDisk::visit).map(|at| format!("http://{at}/")),
        cartridges: cartridge
            .map(|cartridge| CartridgeSummary {
                name: cartridge.manifest.name.clone(),
                version: cartridge.version.clone(),
                cartridge_version: cartridge.manifest.cartridge_version.clone(),
                source: listed.record.cartridge.to_string(),
            })
            .into_iter()
            .collect(),
        stop_lock: gear.as_ref().is_some_and(|gear| gear.layout().stop_lock().exists()),
        home: listed.home.to_string(),
        left_over: match (&busy, &gear) {
            (None, Some(gear)) => {
                gear.left_over().into_iter().map(Utf8PathBuf::into_string).collect()
            }
            _ => Vec::new(),
        },
        busy: busy.map(|holder| holder.to_string()),
    }
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

fn left_over(gear: &Summary) -> Vec<String> {
    let (numbered, plain): (Vec<_>, Vec<_>) =
        gear.left_over.iter().partition(|path| !path.ends_with(STAGING));
    let plain = plain
        .into_iter()
        .map(|path| format!("{path} is left of a restore: `gear tidy {}` removes it", gear.name));
    let numbered = numbered.into_iter().map(|path| {
        format!("{path} is left of a restore: see whether anything of it is missing, and remove it")
    });
    plain.chain(numbered).collect()
}

fn cartridges(summary: &Summary, before: &str) -> String {
    let one = |c: &CartridgeSummary| format!("{before}{} {}", c.name, c.version);
    summary.cartridges.iter().map(one).collect()
}

fn table(summaries: &[Summary]) -> Vec<String> {
    let row = |gear: &Summary| {
        let url = gear.url.clone().unwrap_or_else(|| "-".to_owned());
        [gear.name.clone(), gear.state.clone(), url, cartridges(gear, "")]
    };
    in_columns(["NAME", "STATE", "URL", "CARTRIDGE"], summaries.iter().map(row))
}

/// Lines with columns as wide as what is in them.
pub(crate) fn in_columns<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Vec<String> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
