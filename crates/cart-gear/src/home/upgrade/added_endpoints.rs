//! Addresses for the endpoints that a newer version of a cartridge has and the gear has not
//! (node-contract.md, Lifecycle, upgrade; manifest.yml).

use std::net::SocketAddr;

use cart_core::GearEnv;
use cart_core::files::{self, FileError};
use cart_core::manifest::Manifest;

use crate::environment::endpoint::{Bound, Endpoints, Listen};
use crate::environment::sources;
use crate::gear::on_disk::GearOnDisk;
use crate::home::gears::GearHome;
use crate::layout::error::GearError;

/// Chooses an address for each endpoint of `manifest` whose variables the gear has not got. One
/// whose `Private-IP-Name` is known has the manifest's port on that address.
pub(crate) fn choose(
    gears: &GearHome,
    gear: &GearOnDisk,
    manifest: &Manifest,
) -> Result<Endpoints, GearError> {
    let variables: GearEnv = sources::variables(&gear.layout().env())?.into_iter().collect();
    let known = Endpoints::of_variables(manifest, &variables);
    let mut added = Endpoints::default();
    let mut missing = manifest.clone();
    missing.endpoints.retain(|endpoint| {
        let port = manifest.variable(&endpoint.private_port_name);
        if known.bound.iter().any(|bound| bound.port_variable == port) {
            return false;
        }
        let ip = variables.get(&manifest.variable(&endpoint.private_ip_name));
        let Some(ip) = ip.and_then(|value| value.to_str()?.parse().ok()) else { return true };
        // On an address that the gear has, and that nobody else was given.
        let address = SocketAddr::new(ip, endpoint.private_port);
        added.bound.push(Bound::new(manifest, endpoint, address));
        false
    });
    if !missing.endpoints.is_empty() {
        let _choosing = gears.lock_addresses(&gear.runner.interrupts)?;
        let others = gears.addresses()?;
        let own = gears.own_addresses();
        let reserved = Endpoints::reserve(&missing, Listen::Anywhere, own, &others);
        let reserved = reserved.map_err(|error| {
            error.saying(format!(
                "nothing was changed, because a new endpoint gets no address: {error}"
            ))
        })?;
        added.bound.extend(reserved.bound);
    }
    Ok(added)
}

impl GearOnDisk {
    pub(crate) fn add_endpoints(&mut self, added: &Endpoints) -> Result<(), FileError> {
        for (name, value) in added.variables() {
            files::write_atomic(&self.layout().env().join(name), value.as_bytes(), 0o640)?;
        }
        self.endpoints.bound.extend(added.bound.iter().cloned());
        Ok(())
    }
}
