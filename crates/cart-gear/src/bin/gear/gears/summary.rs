//! A gear at a glance, for `list` and `status`. Nobody is kept waiting, and nobody is waited for.

use camino::Utf8PathBuf;
use cart_gear::{Conditions, GearHome, GearOnDisk, Listed, STAGING, Stage};
use serde::Serialize;

use crate::shared::terminal::remark;

/// A gear as `--json` tells it.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) name: String,
    /// The node's word, or `creating`, `destroying` while that goes on, or `unfinished` when it was
    /// killed.
    pub(super) state: String,
    /// Where the app is visited, whether it runs or not; none without an endpoint.
    pub(super) url: Option<String>,
    pub(super) cartridges: Vec<CartridgeSummary>,
    /// Whether the gear's user stopped it.
    pub(super) stop_lock: bool,
    pub(super) home: String,
    /// Who works on it now.
    pub(super) busy: Option<String>,
    /// What a restore left, which takes room and nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_over: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CartridgeSummary {
    name: String,
    /// Of the software.
    version: String,
    cartridge_version: String,
    /// Where it was taken from.
    source: String,
}

pub(super) fn summary(gears: &GearHome, listed: &Listed) -> Summary {
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

pub(super) fn left_over(gear: &Summary) -> Vec<String> {
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

pub(super) fn cartridges(summary: &Summary, before: &str) -> String {
    let one = |c: &CartridgeSummary| format!("{before}{} {}", c.name, c.version);
    summary.cartridges.iter().map(one).collect()
}
