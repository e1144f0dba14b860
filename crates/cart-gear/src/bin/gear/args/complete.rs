//! What a shell completes and only the machine knows: the gears, and the variables of their cartridges.
//! Whatever cannot be read completes nothing: somebody who presses Tab asked no question.

use cart_core::{GearEnv, variables};
use cart_gear::{GearHome, Listed};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::shared::beside;

/// The names of the gears.
pub(super) fn gears() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        listed().into_iter().map(|gear| CompletionCandidate::new(gear.name)).collect()
    })
}

/// `NAME=` of each variable that a cartridge has which lies beside this program or was put on a gear.
pub(super) fn settings() -> ArgValueCandidates {
    ArgValueCandidates::new(|| known("="))
}

/// `NAME` of each of them.
pub(super) fn names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| known(""))
}

fn known(after: &str) -> Vec<CompletionCandidate> {
    let on_gears = listed().into_iter().map(|gear| gear.record.cartridge);
    let mut cartridges: Vec<_> = beside::this_program().into_iter().chain(on_gears).collect();
    cartridges.sort();
    cartridges.dedup();
    let lists = cartridges.iter().filter_map(|directory| variables::read(directory).ok()?);
    let candidate = |it: variables::Variable| {
        CompletionCandidate::new(it.name + after).help(Some(it.meaning.into()))
    };
    lists.flatten().map(candidate).collect()
}

fn listed() -> Vec<Listed> {
    let env = GearEnv::from_process();
    // What is not there is not made.
    let is_there = GearHome::named(&env).is_ok_and(|directory| directory.is_dir());
    let home = is_there.then(|| GearHome::from_env(&env).ok()).flatten();
    home.and_then(|home| home.list().ok()).map(|listing| listing.gears).unwrap_or_default()
}
