//! Finding a gear again from what lies on disk.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use cart_core::GearEnv;
use cart_core::files::FileError;

use crate::environment::endpoint::Endpoints;
use crate::environment::sources;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::Conditions;
use crate::layout::error::GearError;
use crate::layout::installed::Installed;
use crate::layout::paths::Layout;

impl GearOnDisk {
    /// Finds the gear in `home` again, from the node's layout; `more_path` is what comes after the
    /// node's directories in `PATH`. It may have no cartridge, if its making was killed.
    ///
    /// # Errors
    /// [`GearError`] naming the file that is missing or wrong, or the owner.
    pub fn open(
        home: &Utf8Path,
        more_path: Option<OsString>,
        conditions: Conditions,
    ) -> Result<Self, GearError> {
        check_owner(home, &home.metadata().map_err(|e| FileError::new("read", home, e))?)?;
        let variables: GearEnv = sources::variables(&home.join(".env"))?.into_iter().collect();
        let required =
            |variable: &'static str| match variables.get(variable).and_then(|v| v.to_str()) {
                Some(value) if !value.is_empty() => Ok(value.to_owned()),
                _ => Err(GearError::failed(format!(
                    "{home} is no whole gear: it has no .env/{variable}"
                ))),
            };
        let layout = Layout::new(home.to_owned(), &required("OPENSHIFT_GEAR_UUID")?);
        let name = required("OPENSHIFT_GEAR_NAME")?;
        let mut gear = Self::on(layout, name, more_path, conditions);
        if let Ok(directory) = variables.directory("OPENSHIFT_PRIMARY_CARTRIDGE_DIR") {
            let cartridge = Installed::open(&directory)?;
            gear.endpoints = Endpoints::of_variables(&cartridge.manifest, &variables);
            gear.primary = Some(cartridge);
        }
        Ok(gear)
    }
}

/// Whether the gear in `home`, of which the system says `found`, is this user's.
pub(crate) fn check_owner(home: &Utf8Path, found: &Metadata) -> Result<(), GearError> {
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner == me {
        return Ok(());
    }
    Err(GearError::failed(format!(
        "{home} belongs to the user {owner}, and this is user {me}: run gear as the one who made the gear"
    )))
}
