//! Whether a cartridge can take the place of the one on a gear.

use camino::Utf8Path;
use cart_core::validate::{Finding, Level};

use crate::gear::on_disk::GearOnDisk;
use crate::gear::validate::validate;
use crate::layout::error::GearError;
use crate::layout::installed::{Installed, Source};

/// What cannot go on a gear is found before anything is changed.
pub(super) fn checked(
    gear: &GearOnDisk,
    cartridge: &Utf8Path,
) -> Result<(Source, Installed), GearError> {
    let installed =
        gear.cartridge().cloned().ok_or_else(|| GearError::failed("the gear has no cartridge"))?;
    let source = Source::read(cartridge)?;
    let mut errors = validate(&source.directory)?;
    errors.retain(|finding| finding.level == Level::Error);
    if !errors.is_empty() {
        return Err(GearError::failed(format!(
            "nothing was changed, because a node would refuse {}:{}",
            source.directory,
            listed(&errors)
        )));
    }
    let (old, new) = (&installed.manifest, &source.manifest);
    for (what, old, new) in [
        ("Name", &old.name, &new.name),
        ("Cartridge-Vendor", &old.vendor, &new.vendor),
        ("Cartridge-Short-Name", &old.short_name, &new.short_name),
    ] {
        if old != new {
            let directory = source.directory;
            return Err(GearError::failed(format!(
                "nothing was changed, because {directory} is another cartridge: its {what} is {new}, and that of the gear's is {old}"
            )));
        }
    }
    if !new.all_versions().contains(&installed.version.as_str()) {
        return Err(GearError::failed(format!(
            "nothing was changed, because {} does not offer version {} of the software, which the gear has: it offers {}",
            source.directory,
            installed.version,
            new.all_versions().join(", ")
        )));
    }
    Ok((source, installed))
}

fn listed(errors: &[Finding]) -> String {
    errors.iter().map(|finding| format!("\n{finding}")).collect()
}
