//! Whether a cartridge can take the place of the one on a gear.

use camino::Utf8Path;
use cart_core::validate::{Finding, Level};

use crate::gear::on_disk::GearOnDisk;
use crate::gear::validate::validate;
use crate::home::upgrade::error::UpgradeError;
use crate::layout::installed::{Installed, Source};

/// What cannot go on a gear is found before anything is changed.
pub(super) fn checked(
    gear: &GearOnDisk,
    cartridge: &Utf8Path,
) -> Result<(Source, Installed), UpgradeError> {
    let installed = gear.cartridge().cloned().ok_or(UpgradeError::None)?;
    let source = Source::read(cartridge)?;
    let mut errors = validate(&source.directory)?;
    errors.retain(|finding| finding.level == Level::Error);
    if !errors.is_empty() {
        return Err(UpgradeError::Refused { directory: source.directory, errors: listed(&errors) });
    }
    let (old, new) = (&installed.manifest, &source.manifest);
    for (what, old, new) in [
        ("Name", &old.name, &new.name),
        ("Cartridge-Vendor", &old.vendor, &new.vendor),
        ("Cartridge-Short-Name", &old.short_name, &new.short_name),
    ] {
        if old != new {
            let (old, new) = (old.clone(), new.clone());
            return Err(UpgradeError::Another { directory: source.directory, what, old, new });
        }
    }
    if !new.all_versions().contains(&installed.version.as_str()) {
        return Err(UpgradeError::Software {
            directory: source.directory.clone(),
            version: installed.version,
            known: new.all_versions().join(", "),
        });
    }
    Ok((source, installed))
}

fn listed(errors: &[Finding]) -> String {
    errors.iter().map(|finding| format!("\n{finding}")).collect()
}
