//! nginx in front: its configuration in place, itself running with it.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_nginx::{Change as ConfigChange, Nginx, Stage};
use cart_supervisor::{Change, Client, ClientError, Failure, ServiceSpec, ServiceState};

use crate::error::Error;
use crate::names::NGINX;
use crate::running::supervisor::{STRAYS_LIMIT, supervisor};
use crate::start::outcome::Renew;

/// How long nginx may take to show new workers after a reload.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);

/// Makes nginx run as `spec` says, on the configuration of `stage`.
pub(crate) fn put_in_front(
    ctx: &Context<'_>,
    spec: ServiceSpec,
    nginx: &Nginx,
    stage: Stage,
    renew: Renew,
    client: &Client,
) -> Result<(Change, ConfigChange), Error> {
    let config = stage.promote()?;
    nginx.provide_pid_file();
    let renew = renew == Renew::Always;
    let change = match client.ensure(spec.clone(), renew) {
        // The port may be held by what a killed supervisor left behind without a record.
        Err(ClientError::Failed(Failure::AddressTaken { .. }))
            if supervisor(ctx.dir).end_strays(STRAYS_LIMIT) =>
        {
            client.ensure(spec, renew)
        }
        other => other,
    }
    .map_err(|error| match error {
        ClientError::Failed(failure) => Error::NginxService { failure },
        other => other.into(),
    })?;
    if change == Change::Unchanged && config == ConfigChange::Some {
        reload_nginx(nginx, client)?;
    }
    nginx.has_obeyed();
    Ok((change, config))
}

fn reload_nginx(nginx: &Nginx, client: &Client) -> Result<(), Error> {
    let services = client.status()?;
    let master = services.iter().find(|service| service.name == NGINX);
    if let Some(ServiceState::Running(master)) = master.map(|service| &service.state) {
        nginx.reload(*master, RELOAD_LIMIT)?;
    }
    Ok(())
}
